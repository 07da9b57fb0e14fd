type Level = "debug" | "info" | "warning" | "error";

const MESSAGE_MAX_LENGTH = 64 * 1024;

/** Where entries go while a run is under way. One thread works on one run at a time. */
const current: { send: ((level: Level, message: string) => void) | null } = { send: null };

/** Called by the guest at both ends of a run. */
export function attachLog(send: ((level: Level, message: string) => void) | null): void {
  current.send = send;
}

function write(level: Level, message: string): void {
  const text = message.slice(0, MESSAGE_MAX_LENGTH);
  if (current.send === null) process.stderr.write(`${text}\n`);
  else current.send(level, text);
}

/** The log of a run, for people. Outside a run, and for `console`, it is standard error, which is kept too. */
export const log = {
  debug: (message: string): void => {
    write("debug", message);
  },
  info: (message: string): void => {
    write("info", message);
  },
  warning: (message: string): void => {
    write("warning", message);
  },
  error: (message: string): void => {
    write("error", message);
  },
};
