// SPDX-License-Identifier: Apache-2.0
//
// The format of a dump: what stands in it, under which names, in which columns. Who wants to parse dumps reads this first.
//
//   memtrack format=2 dump=7 time=...                      the header: key=value pairs (`header`)
//   memtrack summary: 2 suspects; ...                      at most eight such lines: free text for the operator
//   memtrack hook=openssl state=refused reason="..."       refused hooks, warning="...", note="..."
//
//   TITLE                                                  a section: its title (some have none), the heads of its columns,
//   Allocs     | Frees      | Size In-use          | ...   a rule, and its rows; a blank line before each section
//   -----------|------------|----------------------|-...
//          201 |        201 |                    0 | ...
//
//   memtrack end dump=7 rows=120                           without it, a dump is cut off
//
// Numbers stand at the right of their column, text at the left; "-" is not known. One column of a section is text of any length
// (`text`: a location, an owner) and may hold " | " itself. Columns stand before it (`columns`) and behind it (`after`). A number may
// outgrow its column, so a reader splits a row at " | " from both ends: as many cells from the left as columns stand before the text,
// as many from the right as stand behind it.
//
// A new section, a new key of the header, and a new column on either side of the text do not raise FORMAT: so a reader finds sections
// by how their titles begin, keys and columns by their names, the text column by its name (`Location`, `Owner`, ...; the last column
// of a section that it does not know), and passes over what it does not know. Every other change raises it. Format 1 had no summary
// and no columns behind the text; host/node/read/format1.ts lists its titles.
//
// This is data alone. The build makes of it (tools/format.ts) the numbers in assembly/abi.ts and all of assembly/format.ts; the
// command, the page and the tests import it as it is; tests/structure/format.test.ts holds docs/REFERENCE.md to it. The number of an
// entry is its position: the core knows the class `openssl` as CLASS_OPENSSL, the key `lost` as FACT_LOST; C has MEMTRACK_ before them.

export const FORMAT = 2;

/** What the lines begin with that sum a dump up, directly below its header. */
export const SUMMARY_PREFIX = "memtrack summary: ";
/** Such lines, at most. */
export const SUMMARY_LINES_MAX = 8;

// ---- Classes of memory ------------------------------------------------------------------------------------------------------------

export interface MemoryClass {
  /** As a heading of columns and in reports. Titles of sections that begin with it are of this class. */
  title: string;
  /** What a site of the class has: bytes, in the form of `sections.memory`; or objects without a size, as in `sections.objects`. */
  holds: "memory" | "objects";
  /** The level from which on it is tracked. */
  level: 1 | 2;
  /** What every location of the class begins with. */
  prefix: string;
  /** Title of its section. A class whose section has none is always shown, the others where they have a row. */
  section: string;
  /** Its row in `sections.summary`, where the built-in tracker has one. */
  summary?: string;
  /** Its part of the process's memory, in the section `reconciliation`. */
  part?: string;
  /** The statistic that has its bytes. */
  statistic?: string;
}

/** The call of a plugin: the module follows. */
export const PLUGIN_PREFIX = "memory/plugin/";

/**
 * In the order of their sections. The names stand in the sections `ages` and `preArming`. A further class is an entry here, and a hook
 * that counts with its number. There is room for seven (assembly/shard/site.ts).
 */
export const classes = {
  iobuffer: {
    title: "IOBuffer",
    holds: "memory",
    level: 1,
    prefix: "memory/IOBuffer/",
    section: "",
    part: "IOBuffers alive, without the RAM cache",
    statistic: "plugin.memtrack.iobuffer_bytes",
  },
  openssl: {
    title: "OpenSSL",
    holds: "memory",
    level: 2,
    prefix: "memory/OpenSSL/",
    section: "",
    summary: "SSL Allocated Memory",
    part: "OpenSSL alive",
    statistic: "plugin.memtrack.openssl_bytes",
  },
  /** TSmalloc and its kin, called by plugins. */
  tsapi: {
    title: "TSmalloc",
    holds: "memory",
    level: 1,
    prefix: PLUGIN_PREFIX,
    section: "TSmalloc memory of plugins",
    part: "plugins' TSmalloc alive",
    statistic: "plugin.memtrack.tsmalloc_bytes",
  },
  /** malloc, operator new and their kin, called by plugins. */
  heap: {
    title: "Heap",
    holds: "memory",
    level: 1,
    prefix: PLUGIN_PREFIX,
    section: "Heap memory of plugins",
    part: "plugins' heap alive",
    statistic: "plugin.memtrack.heap_bytes",
  },
  /** Objects of the plugin API. */
  object: {
    title: "Objects",
    holds: "objects",
    level: 1,
    prefix: PLUGIN_PREFIX,
    section: "Objects of plugins",
  },
} as const satisfies Record<string, MemoryClass>;

/** Kinds of objects: their names, and their columns in the section `owners`. */
export const kinds = {
  cont: { name: "TSCont", title: "Conts" },
  mutex: { name: "TSMutex", title: "Mutexes" },
  iobuffer: { name: "TSIOBuffer", title: "Buffers" },
  reader: { name: "TSIOBufferReader", title: "Readers" },
  mbuffer: { name: "TSMBuffer", title: "MBuffers" },
  other: { name: "other", title: "Others" },
} as const satisfies Record<string, { name: string; title: string }>;

// ---- The header -------------------------------------------------------------------------------------------------------------------

/**
 * What the host has a fixed number of, and counts where there is no more. Sites and objects have keys of their own; the page's table
 * of limits (docs/REFERENCE.md) has all.
 */
export const limits = [
  "thunks", // functions of plugins that the server calls with an owner
  "modules", // modules that are loaded
  "generations", // plugins' names whose loads are counted
  "locations", // call sites of plugins' IOBuffers
  "owners", // plugins that are loaded or hold something
  "slots", // redirected slots of one module
  "shards", // threads with counters of their own
  "readers", // places of readers in an IOBuffer
  "descriptors", // file descriptors, for plugins' symbols
  "files", // modules whose build id and path a dump can tell
] as const;

export interface HeaderKey {
  /**
   * format: FORMAT. number. time: as 2026-11-22T16:11:06Z. reason: one of `reasons`. text. sites: in use, a slash, room for them.
   * hook: one of `hookStates`. switch: `on` or `off`. maybe: a number, or "-" where it cannot be known.
   * limits: `thunks:12,modules:3`, or "-" where none was reached.
   */
  form: "format" | "number" | "time" | "reason" | "text" | "sites" | "hook" | "switch" | "maybe" | "limits";
  /** Of a hook that can be refused: a further line says why. */
  refusal?: true;
  /** Of a number that is 0 where all is well: what so many mean. */
  warning?: string;
  meaning: string;
}

export const reasons = ["signal", "timer", "other", "message"] as const;
export const hookStates = ["off", "installed", "refused"] as const;

/** In their order. */
export const header = {
  format: { form: "format", meaning: "2" },
  dump: { form: "number", meaning: "number of the dump since the server's start" },
  time: { form: "time", meaning: "UTC" },
  reason: { form: "reason", meaning: "`signal` (SIGUSR1), `timer`, `message` (a plugin message), `other`" },
  level: { form: "number", meaning: "0, 1, 2" },
  armed: { form: "number", meaning: "seconds since tracking was switched on; 0 at level 0" },
  core: { form: "text", meaning: "first 16 hex digits of the SHA-256 of the memtrack.wasm in the plugin" },
  shards: { form: "number", meaning: "tables made: as many as threads that counted at the same time, and one that others share" },
  sites: { form: "sites", meaning: "sites with a row / room for them" },
  "refused-sites": { form: "number", meaning: "how often a new site found no room" },
  iobuffer: { form: "hook", refusal: true, meaning: "`installed`, `off`, or `refused` (a further line says why)" },
  openssl: { form: "hook", refusal: true, meaning: "the same" },
  plugins: {
    form: "hook",
    refusal: true,
    meaning: "the same, of what plugins call: TSmalloc, objects, and the context that tells on whose behalf",
  },
  buffers: {
    form: "hook",
    refusal: true,
    meaning: "the same, of plugins' lines in the IOBuffer table. Refused: they stay under the server's own lines",
  },
  heap: { form: "hook", meaning: "`installed`, `off`" },
  verify: { form: "switch", meaning: "`on`, `off`" },
  lost: {
    form: "number",
    warning: "events were lost: rows can be off by as many",
    meaning: "events that could not be counted: a signal handler interrupted one and came back, or the thread's table had trapped",
  },
  traps: {
    form: "number",
    warning: "tables were disabled by a trap in the core: please report it",
    meaning: "threads whose table was disabled by a trap in the core (a defect; please report it)",
  },
  damaged: {
    form: "number",
    warning: "blocks of plugins were written past their end",
    meaning:
      "blocks of plugins that were written past their end (one or two bytes; what is worse is not recognised, and shows as a leak)",
  },
  twice: {
    form: "maybe",
    warning: "blocks were released twice by a plugin",
    meaning:
      "blocks that a plugin released a second time, where the allocator itself shows that they were free; `-` where it marks none, " +
      "as with [another allocator](#other-allocators)",
  },
  untracked: {
    form: "number",
    warning: "objects are in no row: there was no room to remember them",
    meaning: "objects that there was no room to remember (about a million alive): in no row",
  },
  exhausted: {
    form: "limits",
    meaning:
      "limits that refused something since the server's start, and how often: `thunks:12,modules:3`; `-` where none did. See " +
      "[Limits](#limits)",
  },
  memory: { form: "number", meaning: "bytes that memtrack's tables can come to use; pages are used as they fill" },
} as const satisfies Record<string, HeaderKey>;

// ---- Sections ---------------------------------------------------------------------------------------------------------------------

export interface Column {
  /** The head. */
  title: string;
  /** In bytes. */
  width: number;
  unit: "count" | "bytes" | "seconds" | "percent" | "text";
  meaning: string;
}

/** A column for each class that holds memory, or for each kind of objects, under its title. */
export interface Columns extends Omit<Column, "title"> {
  each: "class" | "kind";
}

export interface Section {
  /** What its title begins with; empty where it has none, or its class tells it. */
  title: string;
  columns: readonly (Column | Columns)[];
  /** A text of any length. Where columns follow, it is padded to `width`, as the built-in tracker does; else `rule` dashes are below it. */
  text: { title: string; rule?: number; width?: number; meaning: string };
  /** The columns behind the text. */
  after?: readonly (Column | Columns)[];
}

/** What grew, from the verdict to its name; then the details. */
const growth = [
  { title: "Verdict", width: 7, unit: "text", meaning: "see below" },
  { title: "Why", width: 10, unit: "text", meaning: "why a growth is `filling` and not `leak`, see below" },
  { title: "Change", width: 12, unit: "bytes", meaning: "live bytes now minus live bytes at the baseline" },
  {
    title: "Per hour",
    width: 12,
    unit: "bytes",
    meaning: "`Change` divided by the time since the baseline, per hour; `-` where that time is not known",
  },
] as const satisfies Column[];

const growthDetails = [
  { title: "Per 1000 tx", width: 11, unit: "bytes", meaning: "`Change` per 1,000 transactions since the baseline" },
  { title: "Allocs", width: 10, unit: "count", meaning: "allocations since the baseline" },
  { title: "Frees", width: 10, unit: "count", meaning: "releases since the baseline" },
  {
    title: "Old %",
    width: 5,
    unit: "percent",
    meaning:
      "share of the live bytes that is older than the age in the title, as the section on ages shows it. For IOBuffers a lower bound " +
      "from the counters: bytes that were not allocated since then must be older. An owner's value is the sum of its rows",
  },
  {
    title: "Kept %",
    width: 6,
    unit: "percent",
    meaning: "probability that an allocation is never released (Laplace's rule of succession)",
  },
  {
    title: "Streak",
    width: 6,
    unit: "count",
    meaning: "how many times in a row the row was among the few that grew by far the most (as Chromium's leak detector counts)",
  },
  {
    title: "Late %",
    width: 6,
    unit: "percent",
    meaning: "growth rate in the last quarter relative to the first half: 100 is steady growth, a cache that fills slows down",
  },
] as const satisfies Column[];

/** In the order of a dump. */
export const sections = {
  /** Of each class that holds memory. This and `summary` are the built-in tracker's, byte for byte; a line TOTAL ends it. */
  memory: {
    title: "",
    columns: [
      { title: "Allocs", width: 10, unit: "count", meaning: "allocations" },
      { title: "Frees", width: 10, unit: "count", meaning: "releases" },
      { title: "Size In-use", width: 20, unit: "bytes", meaning: "bytes in use" },
      { title: "Avg Size", width: 10, unit: "bytes", meaning: "average bytes of those in use" },
    ],
    text: { title: "Location", rule: 68, width: 50, meaning: "where it was allocated" },
  },
  summary: {
    title: "",
    columns: [
      { title: "Total Allocated", width: 20, unit: "bytes", meaning: "bytes allocated" },
      { title: "Total Freed", width: 20, unit: "bytes", meaning: "bytes released" },
      { title: "Currently Allocated", width: 20, unit: "bytes", meaning: "bytes in use" },
    ],
    text: { title: "Type", rule: 22, width: 20, meaning: "the class" },
  },
  objects: {
    title: "",
    columns: [
      { title: "Created", width: 10, unit: "count", meaning: "objects created" },
      { title: "Destroyed", width: 10, unit: "count", meaning: "objects destroyed" },
      { title: "Alive", width: 10, unit: "count", meaning: "objects alive" },
      { title: "Kind", width: 16, unit: "text", meaning: "what they are" },
    ],
    text: { title: "Location", rule: 30, meaning: "the call that created" },
  },
  owners: {
    title: "Owners: bytes in use by class, objects alive by kind;",
    columns: [
      { title: "Total", width: 14, unit: "bytes", meaning: "bytes in use of all classes" },
      {
        title: "Change",
        width: 14,
        unit: "bytes",
        meaning: "change of `Total` since the previous dump; `-` where counting began anew in between",
      },
    ],
    text: { title: "Owner", width: 30, meaning: "the plugin, or `core`" },
    after: [
      { title: "State", width: 7, unit: "text", meaning: "`loaded` or `retired`" },
      { each: "class", width: 14, unit: "bytes", meaning: "bytes in use" },
      { each: "kind", width: 8, unit: "count", meaning: "objects alive" },
    ],
  },
  growth: {
    title: "Growth since",
    columns: growth,
    text: { title: "Location", width: 64, meaning: "as in the tables" },
    after: growthDetails,
  },
  ownersGrowth: {
    title: "Growth of owners since",
    columns: growth,
    text: { title: "Owner", width: 30, meaning: "as in the section `Owners`" },
    after: growthDetails,
  },
  suspects: {
    title: "Suspects:",
    columns: [
      { title: "Per hour", width: 14, unit: "bytes", meaning: "rate of the growth (Theil-Sen slope) over the time in `For`" },
      { title: "For", width: 8, unit: "seconds", meaning: "seconds for which it has been growing" },
      { title: "Limit in", width: 10, unit: "seconds", meaning: "seconds until this growth alone reaches the memory limit" },
    ],
    text: {
      title: "Evidence",
      rule: 50,
      meaning: "the location, `: +`, and the evidence in words. Rows of one cause stand below it, each after `  - `",
    },
  },
  ages: {
    title: "Ages of live memory in seconds",
    columns: [
      { title: "Older than", width: 10, unit: "seconds", meaning: "age of the youngest, in seconds before the dump" },
      {
        title: "Younger than",
        width: 12,
        unit: "seconds",
        meaning: "age of the oldest, in seconds before the dump; the `Older than` of the next line. `-`: since tracking began",
      },
      { title: "Alive", width: 10, unit: "count", meaning: "blocks or objects" },
      { title: "Size In-use", width: 20, unit: "bytes", meaning: "their bytes" },
      { title: "% of site", width: 9, unit: "percent", meaning: "share of the site's bytes; of objects, of their number" },
      { title: "Kind", width: 16, unit: "text", meaning: "the class, or an object's kind" },
    ],
    text: { title: "Location", rule: 30, meaning: "as in the tables" },
  },
  reconciliation: {
    title: "Reconciliation: the parts of resident memory",
    columns: [
      { title: "Bytes", width: 20, unit: "bytes", meaning: "bytes of this part" },
      { title: "Share %", width: 7, unit: "percent", meaning: "share of resident memory; `-` for the limit" },
    ],
    text: { title: "What", rule: 50, meaning: "the part" },
  },
  preArming: {
    title: "Frees of untracked memory (allocated before tracking began, or by the server or the C library)",
    columns: [
      { title: "Frees", width: 10, unit: "count", meaning: "releases" },
      { title: "Size", width: 20, unit: "bytes", meaning: "bytes released" },
    ],
    text: { title: "Class", rule: 10, meaning: "the class" },
  },
  verify: {
    title: "Verify: IOBuffer events counted by memtrack and by the built-in tracker,",
    columns: [
      { title: "Allocs", width: 10, unit: "count", meaning: "allocations" },
      { title: "Frees", width: 10, unit: "count", meaning: "releases" },
      { title: "Size In-use", width: 20, unit: "bytes", meaning: "bytes in use" },
      { title: "Accountant", width: 10, unit: "text", meaning: "`memtrack` or `built-in`" },
    ],
    text: { title: "Location", rule: 30, meaning: "as in the tables, or TOTAL" },
  },
  modules: {
    title: "Modules: files that the rows above name",
    columns: [{ title: "Build id", width: 40, unit: "text", meaning: "in hexadecimal; `-` where the file has none" }],
    text: {
      title: "Module",
      rule: 50,
      meaning:
        "`core` (traffic_server), an owner, or a library that a location names; then the path it was loaded from: of a plugin the " +
        "path in plugin.config or remap.config, where the server loads a copy of that",
    },
  },
} as const satisfies Record<string, Section>;

// ---- Verdicts ---------------------------------------------------------------------------------------------------------------------

/** On the growth of a site or an owner. */
export const verdicts = {
  new: "fewer than 80 samples since it was first seen",
  steady: "it does not grow",
  churn: "it does not grow; the live bytes were allocated anew at least twice within the last 64 samples",
  filling: "it grows, and something explains the growth, or it is too soon to tell it from a cache that fills",
  leak: "it grows, and nothing explains it: not the RAM cache, not more connections or requests, and it does not level off",
} as const satisfies Record<string, string>;

/** Why a growth is not called a leak. */
export const explanations = {
  nothing: { word: "-", meaning: "it is not `filling`" },
  ramCache: { word: "RAM cache", meaning: "the RAM cache grew as much" },
  load: { word: "more load", meaning: "there are more connections, or more requests per second" },
  levelling: { word: "levels off", meaning: "its rate decreases, as it does for a cache that fills" },
  age: { word: "too soon", meaning: "it has not grown for long enough to tell it from a cache that fills" },
  confirmation: { word: "too soon", meaning: "it looks like a leak, but not yet in enough samples in a row" },
} as const satisfies Record<string, { word: string; meaning: string }>;

// ---- Records ----------------------------------------------------------------------------------------------------------------------

export type ConfigRecord = IntRecord | StringRecord;

interface AnyRecord {
  name: string;
  effect: keyof typeof effects;
  meaning: string;
}

export interface IntRecord extends AnyRecord {
  type: "INT";
  /** The least value, and the most. */
  range: readonly [number, number];
  default: number;
  /** What is used for a value below the range, and for one above it. A text is a rule of its own (assembly/control/records.ts). */
  outside: readonly [number, number | string];
  unit?: "seconds";
}

export interface StringRecord extends AnyRecord {
  type: "STRING";
  default: string;
  /** Which values it takes, in words. */
  values: string;
}

/** Who has a record, and when a change takes effect. */
export const effects = {
  /** Traffic Server has it. */
  ofServer: "at once",
  /** memtrack creates it. */
  live: "at once",
  /** memtrack creates it; when traffic_server is started again. */
  atStart: "at start",
} as const;

/** Those that govern memtrack. */
export const records = {
  level: {
    name: "proxy.config.res_track_memory",
    type: "INT",
    range: [0, 2],
    default: 0,
    outside: [0, 2], // as the server takes it
    effect: "ofServer",
    meaning: "0: nothing is tracked. 1: IOBuffers. 2: OpenSSL as well",
  },
  frequency: {
    name: "proxy.config.dump_mem_info_frequency",
    type: "INT",
    range: [0, 2147483647],
    default: 0,
    outside: [0, "its low 32 bits, as the server takes it"],
    effect: "ofServer",
    unit: "seconds",
    meaning: "a dump every so many seconds; 0: none",
  },
  sites: {
    name: "proxy.config.plugin.memtrack.sites",
    type: "INT",
    range: [64, 65520], // 16 bits of a block's tag number a site
    default: 4096,
    outside: [4096, 4096],
    effect: "atStart",
    meaning:
      "sites that have a row of their own; further ones are counted as `(other)`: of their class and plugin " +
      "(`memory/plugin/foo.so (other)`, `memory/OpenSSL/(other) [via foo.so]`), 60 such rows at most, else of their class",
  },
  verify: {
    name: "proxy.config.plugin.memtrack.verify",
    type: "INT",
    range: [0, 1],
    default: 0,
    outside: [0, 0],
    effect: "live",
    meaning: "1: each IOBuffer event is passed on to the built-in tracker too, and dumps compare the two",
  },
  heap: {
    name: "proxy.config.plugin.memtrack.heap",
    type: "INT",
    range: [0, 1],
    default: 0,
    outside: [0, 0],
    effect: "live",
    meaning: "1: the heap of plugins as well (malloc, operator new and their kin)",
  },
  interval: {
    name: "proxy.config.plugin.memtrack.sample_interval",
    type: "INT",
    range: [0, 3600], // with one sample a day, a leak would be found in a quarter of a year
    default: 10,
    outside: [10, 3600],
    effect: "live",
    unit: "seconds",
    meaning: "a sample for the analysis every so many seconds, whatever the dumps' frequency; 0: none, and no sections on growth",
  },
  output: {
    name: "proxy.config.plugin.memtrack.output",
    type: "STRING",
    values: "path of a file",
    default: "",
    effect: "live",
    meaning:
      "the file that dumps are written to, absolute or relative to the server's log folder. Empty: the server's standard error, " +
      "which is traffic.out or the journal",
  },
} as const satisfies Record<string, ConfigRecord>;
