"""The log of a run, for people.

    from whiskers import log
    log.warning("host %s answered nothing", address)

`print`, `logging` and `warnings` end up in the same log.
"""

import sys

# The run that is being worked on, or None. One process works on one run at a time.
_run = None

MESSAGE_MAX_CHARACTERS = 64 * 1024


def debug(message, *arguments):
    write("debug", message, arguments)


def info(message, *arguments):
    write("info", message, arguments)


def warning(message, *arguments):
    write("warning", message, arguments)


def error(message, *arguments):
    write("error", message, arguments)


def write(level, message, arguments=()):
    """One entry. Outside a run it goes to standard error, which the host keeps too."""
    text = str(message)
    if arguments:
        text = text % arguments
    text = text[:MESSAGE_MAX_CHARACTERS]
    if _run is None:
        sys.stderr.write(text + "\n")
    else:
        _run.log(level, text)


def attach(run):
    """Sends entries to `run`, and those of `logging` and `warnings` where the normalizer uses them."""
    global _run
    _run = run
    if run is not None:
        _attach_logging(sys.modules.get("logging"))
        warnings = sys.modules.get("warnings")
        if warnings is not None:
            warnings.showwarning = _show_warning


def _attach_logging(logging):
    # A normalizer that set up handlers of its own keeps them: they print, and that is logged too.
    if logging is None or logging.root.handlers:
        return

    class Handler(logging.Handler):
        def emit(self, record):
            try:
                levelno = record.levelno
                level = "error" if levelno >= 40 else "warning" if levelno >= 30 else "info" if levelno >= 20 else "debug"
                write(level, self.format(record))
            except Exception:
                self.handleError(record)

    logging.root.addHandler(Handler())
    if logging.root.level == logging.WARNING:
        logging.root.setLevel(logging.INFO)


def _show_warning(message, category, filename, lineno, file=None, line=None):
    write("warning", "%s:%s: %s: %s" % (filename, lineno, category.__name__, message))
