// SPDX-License-Identifier: Apache-2.0
//
// The format of a dump: its header keys, sections, columns and words. Read this first to write a parser.
//
//   memtrack format=2 dump=7 time=...                      the header: key=value pairs (`header`)
//   memtrack summary: 2 suspects; ...                      at most eight such lines: free text for the operator
//   memtrack hook=openssl state=refused reason="..."       refused hooks, warning="...", note="..."
//
//   TITLE                                                  a section: its title (some have none), the heads of its columns,
//   Allocs     | Frees      | Size In-use          | ...   a rule, and its rows; a blank line precedes each section
//   -----------|------------|----------------------|-...
//          201 |        201 |                    0 | ...
//
//   memtrack end dump=7 rows=120                           a dump without this line is truncated
//
// Numbers are aligned to the right of their column, text to the left; "-" means not known. One column of a section is text of any
// length (`text`: a location, an owner) and may contain " | ". Other columns precede it (`columns`) and follow it (`after`). A number
// may be wider than its column, so a reader splits a row at " | " from both ends: as many cells from the left as columns precede the
// text, as many from the right as follow it.
//
// FORMAT counts incompatible changes. These are compatible: a new section, a new key of the header, a new column on either side of the
// text. So a reader finds a section by the beginning of its title, keys and columns by their names, the text column by its name
// (`Location`, `Owner`, ...; in an unknown section it is the last column), and skips what it does not know. Format 1 had no summary and
// no columns after the text; host/node/read/format1.ts lists its titles.
//
// This file contains only data. From it the build (tools/format.ts) generates the numbers in assembly/abi.ts and all of
// assembly/format.ts; the command, the page and the tests import it directly; tests/structure/format.test.ts compares
// docs/REFERENCE.md with it. The number of an entry is its position: in the core the class `openssl` is CLASS_OPENSSL and the key
// `lost` is FACT_LOST; in C these names begin with MEMTRACK_.

export const FORMAT = 2;

/** Beginning of the lines that summarize a dump, directly below its header. */
export const SUMMARY_PREFIX = "memtrack summary: ";
/** Maximum number of these lines. */
export const SUMMARY_LINES_MAX = 8;

// ---- Memory without a row ---------------------------------------------------------------------------------------------------------

/**
 * The remainder of resident memory as a row of the section `growth` and as a suspect: what is not accounted, and what is idle in the
 * allocator, which is known at dumps only. Its name, and its text in the column `Kind`.
 */
export const REMAINDER_NAME = "not accounted, or idle in the allocator";
export const REMAINDER_KIND = "resident";
/** The part of resident memory that the blocks of rows take beyond the requested bytes. */
export const OVERHEAD_PART = "around these blocks: tags, headers, rounding (estimate)";
/** A smaller change of resident memory, in bytes, is its noise: the rows' share of it is not computed, and it gets no verdict. */
export const RESIDENT_CHANGE_MIN = 16 * 1024 * 1024;

// ---- Classes of memory ------------------------------------------------------------------------------------------------------------

export interface MemoryClass {
  /** Title of its columns, and its name in reports. Sections whose titles begin with it are of this class. */
  title: string;
  /** What a site of the class counts: memory, shown as in `sections.memory`, or objects and their bytes, as in `sections.objects`. */
  holds: "memory" | "objects";
  /** The lowest level that tracks it. */
  level: 1 | 2;
  /** Beginning of every location of the class. */
  prefix: string;
  /** Title of its section. A class whose section has no title is always shown, any other class only if it has a row. */
  section: string;
  /** Its row in `sections.summary`, if the built-in tracker has such a row. */
  summary?: string;
  /** Its row in the section `reconciliation`. */
  part?: string;
  /** Whether its blocks come from the allocator, each with a tag of memtrack. */
  tagged?: true;
  /** Name of the statistic with its bytes. */
  statistic?: string;
}

/** Beginning of the location of a call in a plugin, or on a plugin's behalf; the module follows. */
export const PLUGIN_PREFIX = "memory/plugin/";
/** The same for a call of the server, or of a library, while no plugin's code runs. */
export const CORE_PREFIX = "memory/core/";
/** Behind a function in a call stack that is inlined into the one of the next line. */
export const INLINED_SUFFIX = " [inlined]";
/** What the title of the heap's section ends with while the server's own heap is tracked, and the part of resident memory in its rows. */
export const SERVER_HEAP_TITLE = " and the server";
export const SERVER_HEAP_PART = "server's own heap alive";
/** The part of resident memory that was allocated before the server's own heap was tracked. */
export const OLDER_PART = "allocated before tracking";

/**
 * In the order of their sections. The names appear in the sections `ages` and `preArming`. A new class needs an entry here, and a hook
 * that counts with its number; at most seven are possible (assembly/shard/site.ts).
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
    tagged: true,
    statistic: "plugin.memtrack.openssl_bytes",
  },
  /** TSmalloc and similar functions, called by plugins. */
  tsapi: {
    title: "TSmalloc",
    holds: "memory",
    level: 1,
    prefix: PLUGIN_PREFIX,
    section: "TSmalloc memory of plugins",
    part: "plugins' TSmalloc alive",
    tagged: true,
    statistic: "plugin.memtrack.tsmalloc_bytes",
  },
  /** malloc, operator new and similar functions, called by plugins, or, with `heap` 2, by the server. */
  heap: {
    title: "Heap",
    holds: "memory",
    level: 1,
    prefix: PLUGIN_PREFIX,
    section: "Heap memory of plugins",
    part: "plugins' heap alive",
    tagged: true,
    statistic: "plugin.memtrack.heap_bytes",
  },
  /** Memory that plugins map, by mmap and as stacks of their threads: what of it is resident, which a hook does not see. */
  mapped: {
    title: "Mapped",
    holds: "memory",
    level: 1,
    prefix: PLUGIN_PREFIX,
    section: "Mapped memory of plugins",
    part: "plugins' mapped memory, resident",
    statistic: "plugin.memtrack.mapped_bytes",
  },
  /** Objects of the server, as its own lists of them tell: gauges, of which neither events nor ages are known. */
  freelist: {
    title: "Freelists",
    holds: "memory",
    level: 1,
    prefix: "memory/freelist/",
    section: "Freelists of the server",
    part: "server's freelists in use",
    statistic: "plugin.memtrack.freelist_bytes",
  },
  /** Objects of the plugin API. */
  object: {
    title: "Objects",
    holds: "objects",
    level: 1,
    prefix: PLUGIN_PREFIX,
    section: "Objects of plugins",
    part: "plugins' objects alive",
    statistic: "plugin.memtrack.object_bytes",
  },
} as const satisfies Record<string, MemoryClass>;

/** Kinds of objects: their names, and their columns in the section `owners`. */
export const kinds = {
  cont: { name: "TSCont", title: "Conts" },
  mutex: { name: "TSMutex", title: "Mutexes" },
  iobuffer: { name: "TSIOBuffer", title: "Buffers" },
  reader: { name: "TSIOBufferReader", title: "Readers" },
  mbuffer: { name: "TSMBuffer", title: "MBuffers" },
  handle: { name: "TSMLoc", title: "Handles" },
  vconn: { name: "TSVConn", title: "VConns" },
  fetch: { name: "TSFetchSM", title: "Fetches" },
  thread: { name: "TSThread", title: "Threads" },
  file: { name: "TSFile", title: "Files" },
  /** What the C library gives and must be told to close or free. */
  stream: { name: "FILE", title: "Streams" },
  directory: { name: "DIR", title: "Dirs" },
  addresses: { name: "addrinfo", title: "Addrinfo" },
  regex: { name: "regex_t", title: "Regexes" },
  other: { name: "other", title: "Others" },
  /** Transactions and sessions that a plugin holds: the server waits for TSHttpTxnReenable or TSHttpSsnReenable. */
  heldTransaction: { name: "held transaction", title: "Txn held" },
  heldSession: { name: "held session", title: "Ssn held" },
} as const satisfies Record<string, { name: string; title: string }>;

// ---- The header -------------------------------------------------------------------------------------------------------------------

/**
 * Tables of the host with a fixed size, whose refusals the header counts in `exhausted`. Sites and objects have keys of their own.
 * docs/REFERENCE.md lists all limits.
 */
export const limits = [
  "thunks", // plugin functions that the server calls, with an owner
  "modules", // modules that are loaded
  "generations", // plugin names whose loads are counted
  "locations", // call sites of plugins' IOBuffers
  "owners", // plugins that are loaded or hold something
  "slots", // redirected slots of a module
  "shards", // threads with counters of their own
  "readers", // positions of readers in an IOBuffer
  "descriptors", // file descriptors for reading the symbols of plugins
  "files", // modules with a known build id and path
  "unloaded", // unloaded modules whose sites have no name yet
  "freelists", // freelists of the server with a row of their own
  "ranges", // ranges of mapped memory
  "starts", // threads that are being created
  "regions", // regions of memory that a pass of the search reads
  "stacks", // call stacks of sampled allocations
] as const;

export interface HeaderKey {
  /**
   * format: FORMAT. number. time: as 2026-11-22T16:11:06Z. reason: one of `reasons`. text. sites: number in use, a slash, capacity.
   * hook: one of `hookStates`. switch: `on` or `off`. maybe: a number, or "-" if it cannot be known.
   * limits: `thunks:12,modules:3`, or "-" if none was reached.
   */
  form: "format" | "number" | "time" | "reason" | "text" | "sites" | "hook" | "switch" | "maybe" | "limits";
  /** The hook can be refused; a line below the header gives the reason. */
  refusal?: true;
  /** For a number that should be 0: the warning for any other value, which follows the number. */
  warning?: string;
  meaning: string;
}

export const reasons = ["signal", "timer", "other", "message"] as const;
export const hookStates = ["off", "installed", "refused"] as const;

/** In the order of the header line. */
export const header = {
  format: { form: "format", meaning: "version of the format: 2" },
  dump: { form: "number", meaning: "number of the dump since the server started" },
  time: { form: "time", meaning: "time of the dump, in UTC" },
  reason: {
    form: "reason",
    meaning: "what requested the dump: `signal` (SIGUSR1), `timer`, `message` (a plugin message), `other`",
  },
  level: { form: "number", meaning: "tracking level: 0, 1, 2" },
  armed: { form: "number", meaning: "seconds since tracking was switched on; 0 at level 0" },
  core: { form: "text", meaning: "first 16 hex digits of the SHA-256 of the memtrack.wasm in the plugin" },
  shards: {
    form: "number",
    meaning: "counter tables: one for each of the threads that counted at the same time, and one that further threads share",
  },
  sites: { form: "sites", meaning: "sites in use / capacity" },
  "refused-sites": { form: "number", meaning: "how often a new site found the table of sites full" },
  iobuffer: {
    form: "hook",
    refusal: true,
    meaning: "state of the IOBuffer hook: `installed`, `off`, or `refused` (a `memtrack hook=` line gives the reason)",
  },
  openssl: { form: "hook", refusal: true, meaning: "state of the OpenSSL hooks, in the same words" },
  plugins: {
    form: "hook",
    refusal: true,
    meaning: "state of the plugin hooks (TSmalloc, API objects, owner context), in the same words",
  },
  buffers: {
    form: "hook",
    refusal: true,
    meaning:
      "state of the hook that gives plugins' IOBuffers locations of their own, in the same words. If it is refused, they are counted under " +
      "the server's locations",
  },
  weights: {
    form: "hook",
    refusal: true,
    meaning:
      "whether the bytes of plugins' objects are known, in the same words. If it is refused, the objects that the reason names are counted " +
      "without their bytes",
  },
  heap: { form: "hook", meaning: "state of the heap hooks: `installed`, `off`" },
  "server-heap": {
    form: "hook",
    refusal: true,
    meaning: "state of the hooks of the server's own heap (`heap` 2): `installed`, `off`, or `refused`, in the same words",
  },
  freelists: {
    form: "hook",
    refusal: true,
    meaning: "whether the server's freelists have rows: `installed` or `refused`, in the same words",
  },
  verify: { form: "switch", meaning: "verify mode: `on`, `off`" },
  lost: {
    form: "number",
    warning: "events were lost: rows can be off by as many",
    meaning:
      "events that were not counted, because a signal handler interrupted the count of another event, because the core trapped, or because " +
      "there was no memory for a tag on a text that the server handed out",
  },
  traps: {
    form: "number",
    warning: "tables were disabled by a trap in the core: please report it",
    meaning: "threads whose counter table was disabled by a trap in the core (a defect; please report it)",
  },
  damaged: {
    form: "number",
    warning: "blocks of plugins were written past their end",
    meaning:
      "blocks of plugins that were written up to 8 bytes past their end, or freed by a call that memtrack does not see and used again; counted from the second time at one site on " +
      "(decision 026). A much longer overrun is not recognized, and looks like a leak",
  },
  twice: {
    form: "maybe",
    warning: "blocks were released twice by a plugin",
    meaning:
      "blocks that a plugin released twice, as the allocator itself shows; `-` if it makes no marks to look for (see [Other " +
      "allocators](#other-allocators))",
  },
  unseen: {
    form: "number",
    meaning:
      "blocks that were released past memtrack's hooks, by a function pointer that it did not hand out, as far as the allocator has handed " +
      "them out again since; each was taken out of its row then. See [What memtrack cannot see](#what-memtrack-cannot-see)",
  },
  untracked: {
    form: "number",
    warning: "objects are in no row: there was no room to remember them",
    meaning: "API objects that were not counted because the object table (about 14 million entries) was full",
  },
  exhausted: {
    form: "limits",
    meaning:
      "limits that were reached since the server started, and how often: `thunks:12,modules:3`; `-` if none was. See " +
      "[Limits](#limits)",
  },
  "memory-reader": {
    form: "text",
    meaning:
      "how memtrack reads memory that may be unmapped: `process_vm_writev`, `pipe`, `/proc/self/mem`; `none` where the system forbids all " +
      "three: then `openssl`, `buffers` and `weights` are refused, and no pass of the search is complete",
  },
  memory: {
    form: "number",
    meaning:
      "most bytes that memtrack's tables can use, the table of objects in its present size; a page becomes resident when it is first used",
  },
} as const satisfies Record<string, HeaderKey>;

// ---- Sections ---------------------------------------------------------------------------------------------------------------------

export interface Column {
  /** Its heading. */
  title: string;
  /** In bytes. */
  width: number;
  unit: "count" | "bytes" | "seconds" | "percent" | "text";
  meaning: string;
}

/** A column for each class, or for each kind of objects, with the title of the class or kind. */
export interface Columns extends Omit<Column, "title"> {
  each: "class" | "kind";
}

export interface Section {
  /** Beginning of its title; empty if it has none, or if its class determines it. */
  title: string;
  columns: readonly (Column | Columns)[];
  /** A text of any length, padded to `width`. `rule`: number of dashes below its heading, if not `width` and 2 more. */
  text: { title: string; rule?: number; width?: number; meaning: string };
  /** The columns after the text. */
  after?: readonly (Column | Columns)[];
}

/** A location alone does not tell its bytes from its objects. */
const kind = { title: "Kind", width: 16, unit: "text", meaning: "the class, or the kind of object" } as const satisfies Column;
const kindOfGrowth = { ...kind, meaning: `${kind.meaning}; \`${REMAINDER_KIND}\` for memory in no row` } as const satisfies Column;

/** The columns before the name of what grew; `growthDetails` follow the name. */
const growth = [
  { title: "Verdict", width: 8, unit: "text", meaning: "`new`, `steady`, `churn`, `filling`, `leak` or `accepted`" },
  { title: "Why", width: 10, unit: "text", meaning: "why the verdict is `filling` and not `leak`; else `-`" },
  {
    title: "Change",
    width: 12,
    unit: "bytes",
    meaning: "live bytes now minus live bytes at the baseline; of objects whose bytes are not known, their number",
  },
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
  /** One for each class that counts memory; its last line is TOTAL. This and `summary` have the layout of the built-in tracker, byte for byte. */
  memory: {
    title: "",
    columns: [
      { title: "Allocs", width: 10, unit: "count", meaning: "allocations" },
      { title: "Frees", width: 10, unit: "count", meaning: "releases" },
      { title: "Size In-use", width: 20, unit: "bytes", meaning: "bytes in use" },
      { title: "Avg Size", width: 10, unit: "bytes", meaning: "average size of a block in use, in bytes" },
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
      { title: "Size In-use", width: 20, unit: "bytes", meaning: "their bytes; 0 if the bytes of such objects are not known" },
      { title: "Kind", width: 16, unit: "text", meaning: "kind of object" },
    ],
    text: { title: "Location", rule: 30, meaning: "the call that created the objects" },
  },
  spans: {
    title: "Address space of mapped memory",
    columns: [
      { title: "Ranges", width: 10, unit: "count", meaning: "ranges of addresses that are mapped now" },
      { title: "Mapped", width: 20, unit: "bytes", meaning: "their bytes" },
      { title: "Resident", width: 20, unit: "bytes", meaning: "how many of these the row counts: `Size In-use`" },
    ],
    text: { title: "Location", rule: 30, meaning: "as in the table of mapped memory" },
  },
  owners: {
    title: "Owners: bytes in use by class, objects alive by kind;",
    columns: [
      { title: "Total", width: 14, unit: "bytes", meaning: "bytes in use of all classes" },
      {
        title: "Change",
        width: 14,
        unit: "bytes",
        meaning: "change of `Total` since the previous dump; `-` if counting began anew since then",
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
    text: { title: "Location", width: 64, meaning: "as in the tables of memory and objects" },
    after: [
      kindOfGrowth,
      ...growthDetails,
      { title: "Proof", width: 8, unit: "text", meaning: "what the search for references says, as in the section `Search`" },
    ],
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
  stacks: {
    title: "Stacks: calls that led to sampled allocations of suspects and of growth that is undecided, the innermost first",
    columns: [
      { title: "No", width: 3, unit: "count", meaning: "number of the stack; its calls stand below it" },
      { title: "Samples", width: 7, unit: "count", meaning: "sampled allocations with this stack; `-` for a call" },
      { title: "Allocs", width: 10, unit: "count", meaning: "allocations for which the samples stand" },
      { title: "Size", width: 20, unit: "bytes", meaning: "their bytes" },
      {
        title: "Alive %",
        width: 7,
        unit: "percent",
        meaning: "share of the samples that is still allocated, of those of which that is known; `-` if it is known of none",
      },
      {
        title: "Share %",
        width: 7,
        unit: "percent",
        meaning: "share of the stack in what is still allocated of the row, as far as it was sampled",
      },
    ],
    text: {
      title: "Location",
      width: 64,
      meaning:
        "the row; below it the functions of its calls, each after two spaces, with ` [inlined]` behind one that is inlined into that of " +
        "the next line, and `  ...` where they do not reach the thread's first function",
    },
    after: [kind],
  },
  search: {
    title: "Search:",
    columns: [
      { title: "No", width: 3, unit: "count", meaning: "number of the row in this section and the next" },
      {
        title: "Proof",
        width: 8,
        unit: "text",
        meaning: "`lost`, `probably`, `held`, `unsure` or `blind`; `-` before the first pass",
      },
      { title: "Watched", width: 7, unit: "count", meaning: "blocks of the row that are watched, of which are" },
      { title: "Lost", width: 5, unit: "count", meaning: "without a reference in 21 passes" },
      { title: "Probably", width: 8, unit: "count", meaning: "without a reference in 6 passes and more" },
      { title: "Held", width: 5, unit: "count", meaning: "referred to by something that is not lost itself" },
      { title: "Unsure", width: 6, unit: "count", meaning: "referred to only at a place within that other blocks do not share" },
      { title: "Passes", width: 7, unit: "count", meaning: "complete passes over memory that watched the row" },
      { title: "Ago", width: 5, unit: "seconds", meaning: "how long ago the last of them ended, in seconds; `-` if there is none" },
      { title: "Blocks", width: 10, unit: "count", meaning: "live blocks of the row at the last pass" },
      { title: "At least", width: 10, unit: "count", meaning: "how many of these are lost, at least" },
      kind,
    ],
    text: { title: "Location", rule: 30, meaning: "as in the tables of memory and objects" },
  },
  holders: {
    title: "Holders of searched rows:",
    columns: [
      { title: "No", width: 3, unit: "count", meaning: "number of the row in the section `Search`" },
      { title: "Share %", width: 7, unit: "percent", meaning: "share of the held blocks that this chain holds" },
    ],
    text: { title: "Holder", rule: 30, meaning: "`held by`, then who holds the block, who holds that, up to a root" },
  },
  ages: {
    title: "Ages of live memory in seconds",
    columns: [
      { title: "Older than", width: 10, unit: "seconds", meaning: "age of the youngest block or object of this line, in seconds" },
      {
        title: "Younger than",
        width: 12,
        unit: "seconds",
        meaning:
          "limit of the age of the oldest one, in seconds: the `Older than` of the next line. `-`: any age since tracking began",
      },
      { title: "Alive", width: 10, unit: "count", meaning: "number of blocks or objects" },
      { title: "Size In-use", width: 20, unit: "bytes", meaning: "their bytes" },
      { title: "% of site", width: 9, unit: "percent", meaning: "share of the site's bytes, or of the number of its objects" },
      kind,
    ],
    text: { title: "Location", rule: 30, meaning: "as in the tables of memory and objects" },
  },
  reconciliation: {
    title: "Reconciliation: the parts of resident memory",
    columns: [
      { title: "Bytes", width: 20, unit: "bytes", meaning: "bytes of this part" },
      { title: "Share %", width: 7, unit: "percent", meaning: "share of resident memory; `-` for the limit" },
      {
        title: "Change",
        width: 14,
        unit: "bytes",
        meaning: "change of `Bytes` since the baseline of `Growth since`; `-` if it was not known then",
      },
    ],
    text: { title: "What", rule: 50, meaning: "name of the part" },
  },
  show: {
    title: "Show:",
    columns: [
      { title: "No", width: 3, unit: "count", meaning: "number of the row in this section and the next" },
      { title: "Verdict", width: 8, unit: "text", meaning: "as in the section on growth" },
      { title: "Size In-use", width: 20, unit: "bytes", meaning: "bytes in use; of objects, their number" },
      { title: "Allocs", width: 10, unit: "count", meaning: "allocations" },
      { title: "Frees", width: 10, unit: "count", meaning: "releases" },
      kind,
    ],
    text: { title: "Location", rule: 30, meaning: "as in the tables of memory and objects" },
  },
  showHistory: {
    title: "Show, why and history:",
    columns: [
      { title: "No", width: 3, unit: "count", meaning: "number of the row in the section `Show`" },
      {
        title: "Seconds ago",
        width: 11,
        unit: "seconds",
        meaning: "when the first sample of the point was taken; `-` for a sentence",
      },
      { title: "Samples", width: 7, unit: "count", meaning: "number of samples in the point" },
      { title: "Live", width: 20, unit: "bytes", meaning: "lowest live bytes among these samples; of objects, their number" },
      {
        title: "Allocated",
        width: 20,
        unit: "bytes",
        meaning: "bytes allocated between these samples; `-` where the history does not keep them",
      },
    ],
    text: {
      title: "What",
      rule: 30,
      meaning: "why the row has its verdict, or what the point is: `samples`, or a time before or after a reload",
    },
  },
  preArming: {
    title: "Frees of untracked memory (allocated before tracking began, or by the server or the C library)",
    columns: [
      { title: "Frees", width: 10, unit: "count", meaning: "releases" },
      { title: "Size", width: 20, unit: "bytes", meaning: "bytes released" },
    ],
    text: { title: "Class", rule: 10, width: 8, meaning: "the class" },
    after: [
      {
        title: "Freed by",
        width: 10,
        unit: "text",
        meaning: "the owner whose code freed it; `-` where that is not known",
      },
    ],
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
        "`core` (traffic_server), an owner, or a library that a location names; then the path of its file, which for a plugin is the " +
        "path in plugin.config or remap.config, even if the server loaded a copy",
    },
  },
} as const satisfies Record<string, Section>;

// ---- Verdicts ---------------------------------------------------------------------------------------------------------------------

/** Verdicts on the growth of a site or an owner. */
export const verdicts = {
  new: "fewer than 80 samples since it first appeared",
  steady: "no growth",
  churn: "no growth; within the last 64 samples, at least twice the live bytes were allocated",
  filling: "growth that has an explanation, or that is too young to be told from a cache that fills",
  leak: "unexplained growth: it does not level off, and neither the RAM cache nor the load explains it",
  accepted: "a leak that the operator accepts: no suspect until its growth doubles, or goes on after a rest",
} as const satisfies Record<string, string>;

/** What the search for references says of a row. */
export const proofs = {
  none: { word: "-", meaning: "it has not been searched, its addresses are not known, or none of its blocks is watched" },
  lost: { word: "lost", meaning: "nothing refers to at least 8 of the blocks that are watched" },
  probably: { word: "probably", meaning: "the same, after fewer than 21 passes" },
  held: { word: "held", meaning: "most are held, and next to none is without a reference" },
  unsure: { word: "unsure", meaning: "neither" },
  blind: { word: "blind", meaning: "a block that seemed lost was released or handed out again: the search cannot tell" },
} as const satisfies Record<string, { word: string; meaning: string }>;

/** Why the verdict on a growth is not `leak`. After an explanation that is not measured, the growth can still become a leak. */
export const explanations = {
  nothing: { word: "-", meaning: "the verdict is not `filling`" },
  ramCache: { word: "RAM cache", measured: true, meaning: "the RAM cache grew by as much" },
  load: { word: "more load", measured: true, meaning: "the connections, or the requests per second, increased" },
  levelling: { word: "levels off", meaning: "the growth slows down, as that of a cache that fills" },
  age: { word: "too soon", meaning: "the growth is too young to be told from a cache that fills" },
  reload: {
    word: "per reload",
    meaning:
      "it grew at configuration reloads only, by a similar amount each time; `per reload, 3 of 8` says at how many of the reloads that a " +
      "verdict needs",
  },
  holder: {
    word: "held",
    meaning:
      "the search for references finds who holds it, and it has an hour to end; `held by foo.so table (.bss)` says who holds most of it",
  },
  confirmation: { word: "confirming", meaning: "it looks like a leak, but not yet in enough consecutive samples" },
} as const satisfies Record<string, { word: string; measured?: true; meaning: string }>;

// ---- Records ----------------------------------------------------------------------------------------------------------------------

export type ConfigRecord = IntRecord | StringRecord;

interface AnyRecord {
  name: string;
  effect: keyof typeof effects;
  meaning: string;
}

export interface IntRecord extends AnyRecord {
  type: "INT";
  /** The smallest and the largest value. */
  range: readonly [number, number];
  default: number;
  /** Value used instead of a value below the range, and of a value above it. A text describes a rule (assembly/control/records.ts). */
  outside: readonly [number, number | string];
  unit?: "seconds" | "per cent";
}

export interface StringRecord extends AnyRecord {
  type: "STRING";
  default: string;
  /** Its values, in words. */
  values: string;
}

/** Who creates a record, and when a change takes effect. */
export const effects = {
  /** Traffic Server creates it. */
  ofServer: "at once",
  /** memtrack creates it. */
  live: "at once",
  /** memtrack creates it; a change takes effect at the next start of traffic_server. */
  atStart: "at start",
} as const;

/** The records that control memtrack. */
export const records = {
  level: {
    name: "proxy.config.res_track_memory",
    type: "INT",
    range: [0, 2],
    default: 0,
    outside: [0, 2], // as the server does
    effect: "ofServer",
    meaning: "the level. 0: tracks nothing. 1: tracks IOBuffers, and the memory and objects of plugins. 2: tracks OpenSSL as well",
  },
  frequency: {
    name: "proxy.config.dump_mem_info_frequency",
    type: "INT",
    range: [0, 2147483647],
    default: 0,
    outside: [0, "its low 32 bits, as the server reads it"],
    effect: "ofServer",
    unit: "seconds",
    meaning: "interval between dumps; 0: no dumps by timer",
  },
  sites: {
    name: "proxy.config.plugin.memtrack.sites",
    type: "INT",
    range: [64, 65408], // a block's tag has 16 bits for the site; 128 numbers are fixed
    default: 4096,
    outside: [4096, 4096],
    effect: "atStart",
    meaning:
      "how many sites can have a row of their own. Further sites are counted in at most 60 rows `(other)` of a class and a plugin " +
      "(`memory/plugin/foo.so (other)`, `memory/OpenSSL/(other) [via foo.so]`), and beyond these in the row `(other)` of the class",
  },
  verify: {
    name: "proxy.config.plugin.memtrack.verify",
    type: "INT",
    range: [0, 1],
    default: 0,
    outside: [0, 0],
    effect: "live",
    meaning: "1: the built-in tracker counts IOBuffer events as well, and dumps compare its counts with memtrack's",
  },
  heap: {
    name: "proxy.config.plugin.memtrack.heap",
    type: "INT",
    range: [0, 2],
    default: 0,
    outside: [0, 0],
    effect: "live",
    meaning:
      "1: tracks the heap of plugins as well (malloc, operator new and similar functions), and the memory that they map (mmap, stacks of " +
      "their threads). 2: tracks the server's own heap, and that of its libraries, as well",
  },
  interval: {
    name: "proxy.config.plugin.memtrack.sample_interval",
    type: "INT",
    range: [0, 3600], // with one sample a day, it would take a quarter of a year to find a leak
    default: 10,
    outside: [10, 3600],
    effect: "live",
    unit: "seconds",
    meaning: "interval between samples for the analysis of growth, regardless of dumps; 0: no samples, and no sections on growth",
  },
  search: {
    name: "proxy.config.plugin.memtrack.search_cpu",
    type: "INT",
    range: [0, 100],
    default: 5,
    outside: [5, 100],
    effect: "live",
    unit: "per cent",
    meaning:
      "how much of one processor the search for references may take, while there are suspects or undecided growth, or a row whose search was asked for. 0: no search",
  },
  output: {
    name: "proxy.config.plugin.memtrack.output",
    type: "STRING",
    values: "path of a file",
    default: "",
    effect: "live",
    meaning:
      "the file for dumps, absolute or relative to the server's log folder. Empty: dumps go to the server's standard error, which is " +
      "traffic.out or the journal",
  },
  accept: {
    name: "proxy.config.plugin.memtrack.accept",
    type: "STRING",
    values: "patterns, separated by commas",
    default: "",
    effect: "live",
    meaning:
      "rows whose growth is accepted: those whose name contains one of the patterns, in which `*` stands for anything. They are `accepted` " +
      "and no suspects, until their growth changes",
  },
} as const satisfies Record<string, ConfigRecord>;
