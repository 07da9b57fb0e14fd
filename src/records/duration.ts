const DAY_SECONDS = 86_400;
/** Python's `timedelta` ends here. */
const MOST_DAYS = 999_999_999;

const ISO =
  /^([+-])?P(?=[\dT])(?:(\d{1,10})Y)?(?:(\d{1,10})M)?(?:(\d{1,10})W)?(?:(\d{1,10})D)?(?:T(?=\d)(?:(\d{1,10})H)?(?:(\d{1,10})M)?(?:(\d{1,10})(?:[.,](\d{1,9}))?S)?)?$/;
const CLOCK =
  /^([+-])?(?:(\d{1,10}) ?d(?:ays?)?(?:$|,? ?(?!$)))?(?:(\d{1,9}):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?$/i;

/**
 * A span of time, from ISO 8601 (a year is 365 days, a month 30), `D days, HH:MM:SS`, or a number of
 * seconds. Written as ISO 8601 with 365 days folded to years: `P1Y35D`, `-P1D`, `P30DT5.000001S`. Null
 * when it is none of these.
 */
export function normaliseDuration(value: string | number): string | null {
  const parsed = typeof value === "number" ? fromSeconds(value) : (fromIso(value) ?? fromClock(value));
  return parsed === null ? null : format(parsed);
}

interface Span {
  readonly negative: boolean;
  readonly days: number;
  readonly seconds: number;
  readonly micros: number;
}

function fromSeconds(value: number): Span | null {
  const size = Math.abs(value);
  const whole = Math.floor(size);
  const micros = Math.round((size - whole) * 1e6);
  return span(value < 0, 0, whole + Math.floor(micros / 1e6), micros % 1e6);
}

function fromIso(text: string): Span | null {
  const found = ISO.exec(text);
  if (found === null) return null;
  const [years = 0, months = 0, weeks = 0, days = 0, hours = 0, minutes = 0, seconds = 0] = found
    .slice(2, 9)
    .map((part: string | undefined) => Number(part ?? 0));
  return span(
    found[1] === "-",
    years * 365 + months * 30 + weeks * 7 + days,
    hours * 3600 + minutes * 60 + seconds,
    microsOf(found[9]),
  );
}

function fromClock(text: string): Span | null {
  const found = CLOCK.exec(text);
  if (found === null || (found[2] === undefined && found[3] === undefined)) return null;
  const [days = 0, hours = 0, minutes = 0, seconds = 0] = found
    .slice(2, 6)
    .map((part: string | undefined) => Number(part ?? 0));
  if (minutes > 59 || seconds > 59 || (found[2] !== undefined && hours > 23)) return null;
  // The sign is that of the whole, also in `-1 day, 1:00:00`: OpenKAT reads it so, unlike Python, which writes it.
  return span(found[1] === "-", days, hours * 3600 + minutes * 60 + seconds, microsOf(found[6]));
}

function microsOf(fraction: string | undefined): number {
  return Number((fraction ?? "").slice(0, 6).padEnd(6, "0"));
}

function span(negative: boolean, days: number, seconds: number, micros: number): Span | null {
  const allDays = days + Math.floor(seconds / DAY_SECONDS);
  if (!Number.isSafeInteger(allDays) || allDays > MOST_DAYS) return null;
  return { negative, days: allDays, seconds: seconds % DAY_SECONDS, micros };
}

function format({ negative, days, seconds, micros }: Span): string {
  if (days === 0 && seconds === 0 && micros === 0) return "PT0S";
  const unit = (count: number, name: string): string => (count === 0 ? "" : `${count}${name}`);
  const fraction = micros === 0 ? "" : `.${String(micros).padStart(6, "0").replace(/0+$/, "")}`;
  const second = seconds % 60;
  const time =
    unit(Math.floor(seconds / 3600), "H") +
    unit(Math.floor((seconds % 3600) / 60), "M") +
    (second === 0 && micros === 0 ? "" : `${second}${fraction}S`);
  const date = unit(Math.floor(days / 365), "Y") + unit(days % 365, "D");
  return `${negative ? "-" : ""}P${date}${time === "" ? "" : `T${time}`}`;
}
