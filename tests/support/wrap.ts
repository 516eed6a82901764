// SPDX-License-Identifier: Apache-2.0
//
// A server's output in the forms of other programs. The journal's forms were compared with journalctl 252 on a journal that
// systemd-journald wrote: it keeps neither empty lines nor blanks at the end of a line. The forms of Docker and Kubernetes follow
// their sources (named in host/node/read/prefix.ts).

interface Form {
  name: string;
  wrap(text: string): string;
}

const START = Date.UTC(2026, 10, 26, 20, 0, 0);
const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/** A time that advances with each line. */
function at(line: number): { iso: string; short: string; day: string; seconds: string; nanos: string; micros: string } {
  const millis = START + line * 7;
  const iso = new Date(millis).toISOString().slice(0, 19);
  const micros = String((millis % 1000) * 1000 + (line % 1000)).padStart(6, "0");
  return {
    iso,
    short: `Nov 26 ${iso.slice(11)}`,
    day: `${DAYS[new Date(millis).getUTCDay()]!} ${iso.replace("T", " ")} UTC`,
    seconds: `${Math.floor(millis / 1000)}.${micros}`,
    nanos: `${iso}.${micros}${String(line % 1000).padStart(3, "0")}Z`,
    micros,
  };
}

/** Adds a prefix to every line. The journal has no empty lines; each tenth line is followed by a line of another source. */
function prefixed(prefix: (line: number) => string, other?: (line: number) => string, blanks = other === undefined): Form["wrap"] {
  return (text) =>
    linesOf(text)
      .map((line) => (blanks ? line : line.trimEnd()))
      .flatMap((line, n) => [...(line || blanks ? [prefix(n) + line] : []), ...(other && n % 10 === 5 ? [other(n)] : [])])
      .map((line) => `${line}\n`)
      .join("");
}

function linesOf(text: string): string[] {
  return text.replace(/\n$/, "").split("\n");
}

const UNIT = "host1 traffic_manager[4711]: ";
const OTHER = (n: number): string => `host1 kernel: [${n}.123456] a line of the kernel's`;

/** Docker's json-file: a line of more than `most` bytes becomes several objects; each tenth is followed by a line of the other stream. */
function docker(most: number): Form["wrap"] {
  return (text) =>
    linesOf(text)
      .flatMap((line, n) => {
        const whole = `${line}\n`;
        const pieces = whole.match(new RegExp(`[^]{1,${most}}`, "g"))!;
        const object = (log: string, stream: string): string =>
          // Go's JSON encoder escapes these.
          JSON.stringify({ log, stream, time: at(n).nanos }).replace(/[<>&]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`);
        const own = pieces.map((piece) => object(piece, "stderr"));
        return n % 10 === 5 ? [...own.slice(0, 1), object("[Nov 26] another stream\n", "stdout"), ...own.slice(1)] : own;
      })
      .map((line) => `${line}\n`)
      .join("");
}

/** CRI as conmon writes it: a line is split at each multiple of `buffer` bytes. */
function cri(buffer: number): Form["wrap"] {
  return (text) => {
    const out: string[] = [];
    for (let from = 0, n = 0; from < text.length; from += buffer) {
      for (const piece of text.slice(from, from + buffer).match(/[^\n]*\n|[^\n]+$/g) ?? []) {
        out.push(`${at(++n).nanos} stderr ${piece.endsWith("\n") ? "F" : "P"} ${piece.replace("\n", "")}\n`);
        if (n % 10 === 5) out.push(`${at(n).nanos} stdout F [Nov 26] another stream\n`);
      }
    }
    return out.join("");
  };
}

function journalJson(text: string): string {
  return linesOf(text)
    .map((line) => line.trimEnd())
    .filter((line) => line)
    .flatMap((line, n) => {
      const entry = (MESSAGE: unknown, _PID: string): string =>
        JSON.stringify({ __CURSOR: `s=${n}`, PRIORITY: "6", MESSAGE, _PID, _HOSTNAME: "host1", SYSLOG_IDENTIFIER: "x" });
      return [
        entry(/^ *1/.test(line) ? [...Buffer.from(line)] : line, "4711"),
        ...(n % 10 === 5 ? [entry("something else", "1")] : []),
      ];
    })
    .map((line) => `${line}\n`)
    .join("");
}

function journalExport(text: string): string {
  return linesOf(text)
    .map((line) => line.trimEnd())
    .filter((line) => line)
    .map(
      (line, n) =>
        `__CURSOR=s=${n}\n__REALTIME_TIMESTAMP=${START + n}000\nPRIORITY=6\n_TRANSPORT=stdout\nMESSAGE=${line}\n_PID=4711\n\n`,
    )
    .join("");
}

const SD = (n: number): string => `[timeQuality tzKnown="1" isSynced="1" syncAccuracy="${n}"][meta sequenceId="${n}"]`;

export const FORMS: readonly Form[] = [
  {
    name: "journalctl",
    wrap: prefixed(
      (n) => `${at(n).short} ${UNIT}`,
      (n) => `${at(n).short} ${OTHER(n)}`,
    ),
  },
  {
    name: "journalctl -o short-iso",
    wrap: prefixed(
      (n) => `${at(n).iso}+0000 ${UNIT}`,
      (n) => `${at(n).iso}+0000 ${OTHER(n)}`,
    ),
  },
  { name: "journalctl -o short-precise", wrap: prefixed((n) => `${at(n).short}.${at(n).micros} ${UNIT}`, OTHER) },
  { name: "journalctl -o short-full", wrap: prefixed((n) => `${at(n).day} ${UNIT}`, OTHER) },
  { name: "journalctl -o short-unix", wrap: prefixed((n) => `${at(n).seconds} ${UNIT}`, OTHER) },
  { name: "journalctl -o short-monotonic", wrap: prefixed((n) => `[${String(n).padStart(5)}.${at(n).micros}] ${UNIT}`, OTHER) },
  { name: "journalctl -o with-unit", wrap: prefixed((n) => `${at(n).day} host1 trafficserver.service[4711]: `, OTHER) },
  { name: "journalctl -o cat", wrap: prefixed(() => "", undefined, false) },
  { name: "journalctl -o json", wrap: journalJson },
  { name: "journalctl -o export", wrap: journalExport },
  {
    name: "syslog, RFC 3164",
    wrap: prefixed(
      (n) => `<30>${at(n).short} ${UNIT}`,
      (n) => `<6>${at(n).short} ${OTHER(n)}`,
    ),
  },
  { name: "syslog, RFC 5424", wrap: prefixed((n) => `<30>1 ${at(n).nanos} host1 traffic_manager 4711 - ${SD(n)} `, OTHER) },
  { name: "Docker's json-file", wrap: docker(16384) },
  { name: "Docker's json-file, with lines in pieces", wrap: docker(60) },
  { name: "docker logs -t", wrap: prefixed((n) => `${at(n).nanos} `) },
  {
    name: "docker compose logs",
    wrap: prefixed(
      () => "proxy-1  | ",
      () => "web-1    | a line of the web server's",
      true,
    ),
  },
  { name: "CRI of containerd", wrap: cri(1 << 30) },
  { name: "CRI of CRI-O", wrap: cri(997) },
  { name: "kubectl logs --timestamps", wrap: prefixed((n) => `${at(n).nanos} `) },
  {
    name: "kubectl logs --prefix",
    wrap: prefixed(
      () => "[pod/ats-0/ats] ",
      () => "[pod/ats-1/ats] a line of the other pod's",
      true,
    ),
  },
  { name: "kubectl logs --prefix --timestamps", wrap: prefixed((n) => `[pod/ats-0/ats] ${at(n).nanos} `) },
  { name: "a text that is quoted", wrap: prefixed(() => "> ") },
  {
    name: "a text that is indented, without blanks in empty lines",
    wrap: (text) => prefixed(() => "    ")(text).replace(/^ +$/gm, ""),
  },
  { name: "grep over several files", wrap: prefixed(() => "/var/log/trafficserver/traffic.out:") },
];
