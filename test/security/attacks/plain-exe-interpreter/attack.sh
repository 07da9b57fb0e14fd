#!/proc/self/exe
The kernel runs, in place of this, the program that was about to run it: the one that made the sandbox.
