/** A moment with a time zone, as Go's time.Time. The zero time is the year 1, as in Go. */
export class GoTime {
  readonly ms: number;
  readonly zone: string;

  constructor(ms: number, zone = "UTC") {
    this.ms = ms;
    this.zone = zone;
  }

  get isZero(): boolean {
    return this.ms === ZERO_TIME_MS;
  }

  toString(): string {
    const fraction = String(Math.abs(this.ms % 1_000))
      .padStart(3, "0")
      .replace(/0+$/, "");
    const seconds = this.format("2006-01-02 15:04:05");
    return `${seconds}${fraction === "" ? "" : `.${fraction}`}${this.format(" -0700 MST")}`;
  }

  /** Formats with a Go layout, which is an example: `2006-01-02 15:04:05`. */
  format(layout: string): string {
    const parts = partsOf(this.ms, this.zone);
    return layout.replace(LAYOUT, (token) => formatToken(token, parts));
  }
}

/** January 1, year 1, 00:00:00 UTC. */
export const ZERO_TIME_MS = -62_135_596_800_000;

const LAYOUT =
  /January|Jan|Monday|Mon|2006|-07:00:00|-07:00|-0700|-07|Z07:00|Z0700|MST|15|01|02|_2|03|04|05|06|002|[.,]0+|[.,]9+|PM|pm|[12345](?!\d)/g;

interface Parts {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly ms: number;
  readonly weekday: number;
  readonly offsetMinutes: number;
  readonly abbreviation: string;
}

const MONTHS = "January February March April May June July August September October November December".split(
  " ",
);
const DAYS = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday".split(" ");

function two(value: number): string {
  return String(value).padStart(2, "0");
}

function formatToken(token: string, parts: Parts): string {
  const hour12 = parts.hour % 12 === 0 ? 12 : parts.hour % 12;
  const month = MONTHS[parts.month - 1] ?? "";
  const day = DAYS[parts.weekday] ?? "";
  switch (token) {
    case "January":
      return month;
    case "Jan":
      return month.slice(0, 3);
    case "Monday":
      return day;
    case "Mon":
      return day.slice(0, 3);
    case "2006":
      return String(parts.year).padStart(4, "0");
    case "06":
      return two(parts.year % 100);
    case "01":
      return two(parts.month);
    case "1":
      return String(parts.month);
    case "02":
      return two(parts.day);
    case "_2":
      return String(parts.day).padStart(2);
    case "2":
      return String(parts.day);
    case "002":
      return String(dayOfYear(parts)).padStart(3, "0");
    case "15":
      return two(parts.hour);
    case "03":
      return two(hour12);
    case "3":
      return String(hour12);
    case "04":
      return two(parts.minute);
    case "4":
      return String(parts.minute);
    case "05":
      return two(parts.second);
    case "5":
      return String(parts.second);
    case "PM":
      return parts.hour < 12 ? "AM" : "PM";
    case "pm":
      return parts.hour < 12 ? "am" : "pm";
    case "MST":
      return parts.abbreviation;
    case "Z07:00":
      return parts.offsetMinutes === 0 ? "Z" : offset(parts.offsetMinutes, ":");
    case "Z0700":
      return parts.offsetMinutes === 0 ? "Z" : offset(parts.offsetMinutes, "");
    case "-07:00:00":
      return `${offset(parts.offsetMinutes, ":")}:00`;
    case "-07:00":
      return offset(parts.offsetMinutes, ":");
    case "-0700":
      return offset(parts.offsetMinutes, "");
    case "-07":
      return offset(parts.offsetMinutes, "").slice(0, 3);
    default:
      return fraction(token, parts.ms);
  }
}

/** `.000` keeps its zeros, `.999` drops them. */
function fraction(token: string, ms: number): string {
  const digits = String(ms)
    .padStart(3, "0")
    .padEnd(9, "0")
    .slice(0, token.length - 1);
  if (token[1] === "0") return token[0] + digits;
  const short = digits.replace(/0+$/, "");
  return short === "" ? "" : token[0] + short;
}

function offset(minutes: number, separator: string): string {
  const absolute = Math.abs(minutes);
  return `${minutes < 0 ? "-" : "+"}${two(Math.floor(absolute / 60))}${separator}${two(absolute % 60)}`;
}

function dayOfYear(parts: Parts): number {
  return (
    Math.round((Date.UTC(parts.year, parts.month - 1, parts.day) - Date.UTC(parts.year, 0, 1)) / 86_400_000) +
    1
  );
}

/** The calendar of a zone at a moment. @throws {RangeError} for an unknown zone */
export function partsOf(ms: number, zone: string): Parts {
  if (zone === "UTC") return fromUtc(new Date(ms), 0, "UTC");
  const format = formatFor(zone);
  const found: Record<string, string> = {};
  for (const part of format.formatToParts(ms)) found[part.type] = part.value;
  const number = (name: string): number => Number(found[name] ?? 0);
  const local = Date.UTC(
    number("year"),
    number("month") - 1,
    number("day"),
    number("hour"),
    number("minute"),
    number("second"),
  );
  const offsetMinutes = Math.round((local - Math.floor(ms / 1_000) * 1_000) / 60_000);
  return fromUtc(
    new Date(ms + offsetMinutes * 60_000),
    offsetMinutes,
    abbreviationOf(ms, zone, offsetMinutes),
  );
}

/** Each knows the short names of zones of its part of the world. */
const LOCALES = ["en-US", "en-GB", "en-AU"];

/** Names that the time zone database has and no locale tells. */
const NAMES: Readonly<Record<string, string>> = {
  "Asia/Tokyo": "JST",
  "Asia/Seoul": "KST",
  "Asia/Shanghai": "CST",
  "Asia/Hong_Kong": "HKT",
  "Asia/Kolkata": "IST",
  "Asia/Calcutta": "IST",
  "Asia/Karachi": "PKT",
  "Asia/Manila": "PST",
  "Asia/Jakarta": "WIB",
  "Africa/Johannesburg": "SAST",
  "Africa/Lagos": "WAT",
  "Africa/Nairobi": "EAT",
};

const abbreviations = new Map<string, string>();

/** What the time zone database calls a zone at an offset: `CET`, or `+08` where it has no name. */
function abbreviationOf(ms: number, zone: string, offsetMinutes: number): string {
  const key = `${zone} ${offsetMinutes}`;
  const known = abbreviations.get(key);
  if (known !== undefined) return known;
  const named = LOCALES.map((locale) =>
    new Intl.DateTimeFormat(locale, { timeZone: zone, timeZoneName: "short" })
      .formatToParts(ms)
      .find(({ type }) => type === "timeZoneName"),
  ).find((part) => part !== undefined && !/\d/.test(part.value));
  const name = named?.value ?? NAMES[zone] ?? offset(offsetMinutes, "").replace(/00$/, "");
  abbreviations.set(key, name);
  return name;
}

const formats = new Map<string, Intl.DateTimeFormat>();

function formatFor(zone: string): Intl.DateTimeFormat {
  let format = formats.get(zone);
  if (!format) {
    format = new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
    formats.set(zone, format);
  }
  return format;
}

function fromUtc(date: Date, offsetMinutes: number, abbreviation: string): Parts {
  return {
    year: date.getUTCFullYear(),
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    hour: date.getUTCHours(),
    minute: date.getUTCMinutes(),
    second: date.getUTCSeconds(),
    ms: date.getUTCMilliseconds(),
    weekday: date.getUTCDay(),
    offsetMinutes,
    abbreviation,
  };
}

/** RFC 3339 as Go's JSON writes it; undefined is Go's zero time. */
export function goTimestamp(ms: number | undefined): string {
  if (ms === undefined) return "0001-01-01T00:00:00Z";
  return new Date(ms).toISOString().replace(/\.?0+Z$/, "Z");
}
