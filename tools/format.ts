// SPDX-License-Identifier: Apache-2.0
//
// What the core and the C host compile of format/format.ts: its numbers, at the end of assembly/abi.ts; its texts and rules,
// assembly/format.ts; and lists for C. The first two are in the repository, so that asc, the specs and an editor need no build
// before they understand assembly/; the build brings them up to date, and a test says where they are not.

import {
  classes,
  effects,
  explanations,
  FORMAT,
  header,
  hookStates,
  kinds,
  limits,
  PLUGIN_PREFIX,
  reasons,
  records,
  sections,
  SUMMARY_PREFIX,
  verdicts,
  type ConfigRecord,
  type HeaderKey,
  type IntRecord,
  type MemoryClass,
  type Section,
} from "../format/format.ts";
import { columnsOf, headOf, ruleOf } from "../format/layout.ts";

const CLASSES: [string, MemoryClass][] = Object.entries(classes);
const HEADER: [string, HeaderKey][] = Object.entries(header);
const RECORDS: [string, ConfigRecord][] = Object.entries(records);

/** A number of each record, 0 of one that is no number. */
const ofIntRecords = (number: (record: IntRecord) => number): number[] =>
  RECORDS.map(([, record]) => (record.type === "INT" ? number(record) : 0));

/** Keys whose value the host tells as a number, and those of which it tells a text: their own, or why a hook was refused. */
const FACTS = HEADER.filter(([, { form }]) => form !== "format" && form !== "text" && form !== "limits").map(([key]) => key);
const TEXTS = HEADER.filter(([, { form, refusal }]) => form === "text" || refusal).map(([key]) => key);
const FORMS = [...new Set(HEADER.map(([, { form }]) => form))];

const MARK =
  "// From here on, the numbers of what format/format.ts lists: tools/build.ts writes them. What they mean stands there.\n";

/** assembly/abi.ts with the numbers of today at its end. */
export function updateNumbers(abi: string): string {
  const at = abi.indexOf(MARK);
  if (at < 0) throw new Error("assembly/abi.ts lacks the line that the numbers of the format stand below");
  return abi.slice(0, at) + MARK + numbers();
}

function numbers(): string {
  const { range, default: normal } = records.sites;
  const groups: string[][] = [
    [...numbered("CLASS", Object.keys(classes)), `CLASS_COUNT: u32 = ${CLASSES.length}`],
    [...numbered("KIND", Object.keys(kinds)), `KIND_COUNT: u32 = ${Object.keys(kinds).length}`],
    [...numbered("FACT", FACTS), `FACT_COUNT: u32 = ${FACTS.length}`],
    [...numbered("TEXT", TEXTS), `TEXT_COUNT: u32 = ${TEXTS.length}`],
    [...numbered("LIMIT", limits), `LIMIT_COUNT: u32 = ${limits.length}`],
    numbered("DUMP_REASON", reasons),
    numbered("HOOK", hookStates),
    numbered("VERDICT", Object.keys(verdicts)),
    numbered("EXPLAINED_BY", Object.keys(explanations)),
    [...numbered("SETTING", Object.keys(records)), `SETTING_COUNT: u32 = ${RECORDS.length}`],
    numbered("SETTING", Object.keys(effects)),
    [`SITES_MIN: u32 = ${range[0]}`, `SITES_MAX: u32 = ${range[1]}`, `SITES_DEFAULT: u32 = ${normal}`],
  ];
  return groups.map((lines) => `\n${lines.map((line) => `export const ${line};\n`).join("")}`).join("");
}

function numbered(prefix: string, names: readonly string[]): string[] {
  return names.map((name, number) => `${prefix}_${constant(name)}: u32 = ${number}`);
}

function constants(prefix: string, names: readonly string[]): string {
  return numbered(prefix, names)
    .map((line) => `export const ${line};`)
    .join("\n");
}

/** `refused-sites` and `refusedSites` are REFUSED_SITES. */
function constant(name: string): string {
  return name
    .replace(/-/g, "_")
    .replace(/(?<=[a-z])[A-Z]/g, "_$&")
    .toUpperCase();
}

/** assembly/format.ts. Lists are by the numbers in abi.ts. */
export function coreFormat(): string {
  const lists = [classLists(), wordLists(), headerLists(), settingLists(), sectionLists()];
  return `// SPDX-License-Identifier: Apache-2.0
//
// The texts and rules of a dump's format, of the records and of verdicts. Made of format/format.ts by tools/build.ts.

export const FORMAT: u32 = ${FORMAT};
export const PLUGIN_PREFIX: string = ${JSON.stringify(PLUGIN_PREFIX)};
export const SUMMARY_PREFIX: string = ${JSON.stringify(SUMMARY_PREFIX)};
/** What the built-in pads the text of its tables to. */
export const LOCATION_WIDTH: u32 = ${sections.memory.text.width};

${lists.join("\n")}`;
}

function classLists(): string {
  return `// By CLASS_... An empty text: it has none.
${texts("CLASS_NAMES", Object.keys(classes))}
${list("CLASS_LEVELS", "u8", ofAll(CLASSES, "level"))}
${texts("CLASS_PREFIXES", ofAll(CLASSES, "prefix"))}
${texts("CLASS_SECTIONS", ofAll(CLASSES, "section"))}
${texts("CLASS_SUMMARIES", ofAll(CLASSES, "summary"))}
${texts("CLASS_PARTS", ofAll(CLASSES, "part"))}
`;
}

function wordLists(): string {
  return `// By KIND_..., HOOK_..., LIMIT_..., DUMP_REASON_..., VERDICT_..., EXPLAINED_BY_....
${texts("KIND_NAMES", ofAll(Object.entries(kinds), "name"))}
${texts("HOOK_NAMES", hookStates)}
${texts("LIMIT_NAMES", limits)}
${texts("DUMP_REASON_NAMES", reasons)}
${texts("VERDICT_NAMES", Object.keys(verdicts))}
${texts("EXPLANATION_NAMES", ofAll(Object.entries(explanations), "word"))}
`;
}

function headerLists(): string {
  return `// Keys of the header in their order: the form of each, its FACT_... or TEXT_..., and the TEXT_... that says why a hook was refused.
export const NONE: u32 = 255;
${constants("FORM", FORMS)}
${texts("HEADER_KEYS", Object.keys(header))}
${list(
  "HEADER_FORMS",
  "u8",
  HEADER.map(([, { form }]) => FORMS.indexOf(form)),
)}
${list(
  "HEADER_NUMBERS",
  "u8",
  HEADER.map(([key, { form }]) => numberIn(form === "text" ? TEXTS : FACTS, key)),
)}
${list(
  "HEADER_REFUSALS",
  "u8",
  HEADER.map(([key, { refusal }]) => (refusal ? numberIn(TEXTS, key) : 255)),
)}
`;
}

function settingLists(): string {
  return `// By SETTING_.... Of a record that is a text, the numbers are 0.
${texts("SETTING_NAMES", ofAll(RECORDS, "name"))}
${texts("SETTING_TYPES", ofAll(RECORDS, "type"))}
${list(
  "SETTING_LEAST",
  "i64",
  ofIntRecords(({ range }) => range[0]),
)}
${list(
  "SETTING_MOST",
  "i64",
  ofIntRecords(({ range }) => range[1]),
)}
${list(
  "SETTING_DEFAULTS",
  "i64",
  ofIntRecords((record) => record.default),
)}
${list(
  "SETTING_BELOW",
  "i64",
  ofIntRecords(({ outside }) => outside[0]),
)}
${list(
  "SETTING_ABOVE",
  "i64",
  ofIntRecords(({ outside }) => (typeof outside[1] === "number" ? outside[1] : 0)),
)}
${list(
  "SETTING_EFFECTS",
  "u8",
  RECORDS.map(([, { effect }]) => Object.keys(effects).indexOf(effect)),
)}
`;
}

function sectionLists(): string {
  const all = Object.values<Section>(sections);
  const columns = all.map((section) => columnsOf(section));
  const first = columns.map((_, index) => columns.slice(0, index).flat().length);
  return `// By SECTION_.... A section's widths begin in COLUMN_WIDTHS where SECTION_COLUMNS tells; its text is not among them, and has its own.
${constants("SECTION", Object.keys(sections))}
${texts(
  "SECTION_TITLES",
  all.map(({ title }) => title),
)}
${texts("SECTION_HEADS", all.map(headOf))}
${texts("SECTION_RULES", all.map(ruleOf))}
${list("SECTION_COLUMNS", "u8", first)}
${list(
  "SECTION_TEXT_WIDTHS",
  "u8",
  all.map(({ text }) => text.width ?? 0),
)}
${list(
  "COLUMN_WIDTHS",
  "u8",
  columns.flat().map(({ width }) => width),
)}
`;
}

function ofAll<Entry extends object>(entries: [string, Entry][], key: keyof Entry): Entry[keyof Entry][] {
  return entries.map(([, entry]) => entry[key]);
}

function numberIn(names: string[], name: string): number {
  const number = names.indexOf(name);
  return number < 0 ? 255 : number;
}

function texts(name: string, values: readonly unknown[]): string {
  return list(
    name,
    "string",
    values.map((value) => JSON.stringify(value ?? "")),
  );
}

function list(name: string, type: string, values: readonly unknown[]): string {
  const line = `export const ${name}: StaticArray<${type}> = [${values.join(", ")}];`;
  if (line.length <= 132) return line;
  const lines =
    type === "string" ? values : (values.join(", ").match(/.{1,120}(?:, |$)/g) ?? []).map((part) => part.replace(/, $/, ""));
  return line.replace(/\[.*\]/s, `[\n${lines.map((part) => `  ${String(part)},\n`).join("")}]`);
}

/** What core_abi.h has beside the numbers: lists for C's initializers. */
export function listsForC(): string {
  const name = (cls: string): string => `MEMTRACK_CLASS_${constant(cls)}`;
  const statistics = CLASSES.flatMap(([cls, { statistic }]) => (statistic ? [`[${name(cls)}] = "${statistic}"`] : []));
  const ofPlugins = CLASSES.flatMap(([cls, { prefix }]) => (prefix === PLUGIN_PREFIX ? [name(cls)] : []));
  return (
    `\n/* The names of statistics by class, and the classes that plugins alone have. */\n` +
    `#define MEMTRACK_CLASS_STATISTICS ${statistics.join(", ")}\n` +
    `#define MEMTRACK_CLASSES_OF_PLUGINS ${ofPlugins.join(", ")}\n`
  );
}
