const FORM =
  /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(?:([Zz])|([+-])(\d\d):?(\d\d))?$/;

/**
 * ISO 8601, as OpenKAT writes it: `Z` for UTC, other offsets as `+hh:mm`, no fraction when it is zero, else
 * six digits (more are cut off). Null when the text is no date and time of this form, or no day of the
 * calendar, or has no offset where `aware` wants one.
 */
export function normaliseDateTime(text: string, aware: boolean): string | null {
  const found = FORM.exec(text);
  if (found === null) return null;
  const [, year = "", month = "", day = "", hour = "", minute = "", second = "00", fraction = ""] = found;
  const [zulu, sign, offsetHour = "00", offsetMinute = "00"] = found.slice(8);
  if (!isDay(Number(year), Number(month), Number(day))) return null;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return null;
  if (Number(offsetHour) > 23 || Number(offsetMinute) > 59) return null;
  const micros = fraction.slice(0, 6).padEnd(6, "0");
  const local = `${year}-${month}-${day}T${hour}:${minute}:${second}${micros === "000000" ? "" : `.${micros}`}`;
  if (zulu === undefined && sign === undefined) return aware ? null : local;
  const utc = zulu !== undefined || (offsetHour === "00" && offsetMinute === "00");
  return utc ? `${local}Z` : `${local}${sign}${offsetHour}:${offsetMinute}`;
}

function isDay(year: number, month: number, day: number): boolean {
  if (year < 1 || month < 1 || month > 12 || day < 1) return false;
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
  return day <= (days[month - 1] ?? 0);
}
