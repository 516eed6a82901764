// SPDX-License-Identifier: Apache-2.0
//
// Numbers for people: bytes, counts, spans, times. Numbers stay exact until here. The page uses the same functions.

const BYTE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** 1536 is `1.5 KiB`; whole bytes below that. */
export function bytes(value: number): string {
  const size = Math.abs(value);
  let unit = 0;
  let scaled = size;
  // What rounds to 1024 of a unit is 1 of the next.
  while (scaled >= 1023.95 && unit < BYTE_UNITS.length - 1) {
    scaled /= 1024;
    ++unit;
  }
  const digits = unit === 0 ? String(scaled) : scaled >= 99.95 ? scaled.toFixed(0) : scaled.toFixed(1);
  return `${value < 0 ? "-" : ""}${digits} ${BYTE_UNITS[unit]}`;
}

/** With its sign, for differences: `+1.5 KiB`. */
export function signed(value: number, format: (value: number) => string): string {
  return value > 0 ? `+${format(value)}` : format(value);
}

/** 1234567 is `1,234,567`. */
export function count(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** Seconds: `45 s`, `1 min 30 s`, `12 min`, `2 h 5 min`, `3 d 4 h`. */
export function span(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const parts: [number, string, number, string][] = [
    [86400, "d", 3600, "h"],
    [3600, "h", 60, "min"],
    [60, "min", 1, "s"],
  ];
  for (const [large, largeName, small, smallName] of parts) {
    if (whole < large) continue;
    const rest = Math.floor((whole % large) / small);
    return `${Math.floor(whole / large)} ${largeName}${rest && (large > 60 || whole < 600) ? ` ${rest} ${smallName}` : ""}`;
  }
  return `${whole} s`;
}

/** Seconds since 1970 as in the dumps: `2026-11-22T16:11:06Z`. */
export function time(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(/\.\d+/, "");
}

/** The same where the program runs: `2026-11-22 17:11:06 +01:00`. */
export function localTime(seconds: number): string {
  const offset = -new Date(seconds * 1000).getTimezoneOffset();
  const [date, clock] = time(seconds + offset * 60)
    .slice(0, -1)
    .split("T");
  const size = Math.abs(offset);
  const zone = [Math.floor(size / 60), size % 60].map((part) => String(part).padStart(2, "0")).join(":");
  return `${date} ${clock} ${offset < 0 ? "-" : "+"}${zone}`;
}
