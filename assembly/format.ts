// SPDX-License-Identifier: Apache-2.0
//
// Texts and rules of the dump's format, the records and the verdicts. Generated from format/format.ts by tools/build.ts.

export const FORMAT: u32 = 2;
export const PLUGIN_PREFIX: string = "memory/plugin/";
export const CORE_PREFIX: string = "memory/core/";
export const INLINED_SUFFIX: string = " [inlined]";
export const SUMMARY_PREFIX: string = "memtrack summary: ";
export const REMAINDER_NAME: string = "not accounted, or idle in the allocator";
export const REMAINDER_KIND: string = "resident";
export const OVERHEAD_PART: string = "around these blocks: tags, headers, rounding (estimate)";
export const OLDER_PART: string = "allocated before tracking";
export const SERVER_HEAP_PART: string = "server's own heap alive";
export const SERVER_HEAP_TITLE: string = " and the server";
export const RESIDENT_CHANGE_MIN: u64 = 16777216;
/** Width to which the built-in tracker pads the text of its tables. */
export const LOCATION_WIDTH: u32 = 50;

// Indexed by CLASS_.... An empty text means none.
export const CLASS_NAMES: StaticArray<string> = ["iobuffer", "openssl", "tsapi", "heap", "mapped", "freelist", "object"];
export const CLASS_LEVELS: StaticArray<u8> = [1, 2, 1, 1, 1, 1, 1];
export const CLASS_PREFIXES: StaticArray<string> = [
  "memory/IOBuffer/",
  "memory/OpenSSL/",
  "memory/plugin/",
  "memory/plugin/",
  "memory/plugin/",
  "memory/freelist/",
  "memory/plugin/",
];
export const CLASS_SECTIONS: StaticArray<string> = [
  "",
  "",
  "TSmalloc memory of plugins",
  "Heap memory of plugins",
  "Mapped memory of plugins",
  "Freelists of the server",
  "Objects of plugins",
];
export const CLASS_SUMMARIES: StaticArray<string> = ["", "SSL Allocated Memory", "", "", "", "", ""];
export const CLASS_PARTS: StaticArray<string> = [
  "IOBuffers alive, without the RAM cache",
  "OpenSSL alive",
  "plugins' TSmalloc alive",
  "plugins' heap alive",
  "plugins' mapped memory, resident",
  "server's freelists in use",
  "plugins' objects alive",
];
export const CLASS_TAGGED: StaticArray<bool> = [false, true, true, true, false, false, false];

// Indexed by KIND_..., HOOK_..., LIMIT_..., DUMP_REASON_..., VERDICT_..., EXPLAINED_BY_..., PROOF_....
export const KIND_NAMES: StaticArray<string> = [
  "TSCont",
  "TSMutex",
  "TSIOBuffer",
  "TSIOBufferReader",
  "TSMBuffer",
  "TSMLoc",
  "TSVConn",
  "TSFetchSM",
  "TSThread",
  "TSFile",
  "FILE",
  "DIR",
  "addrinfo",
  "regex_t",
  "other",
  "held transaction",
  "held session",
];
export const HOOK_NAMES: StaticArray<string> = ["off", "installed", "refused"];
export const LIMIT_NAMES: StaticArray<string> = [
  "thunks",
  "modules",
  "generations",
  "locations",
  "owners",
  "slots",
  "shards",
  "readers",
  "descriptors",
  "files",
  "unloaded",
  "freelists",
  "ranges",
  "starts",
  "regions",
  "stacks",
];
export const DUMP_REASON_NAMES: StaticArray<string> = ["signal", "timer", "other", "message"];
export const VERDICT_NAMES: StaticArray<string> = ["new", "steady", "churn", "filling", "leak", "accepted"];
export const EXPLANATION_NAMES: StaticArray<string> = [
  "-",
  "RAM cache",
  "more load",
  "levels off",
  "too soon",
  "per reload",
  "held",
  "confirming",
];
export const PROOF_NAMES: StaticArray<string> = ["-", "lost", "probably", "held", "unsure", "blind"];
export const EXPLANATIONS_MEASURED: StaticArray<bool> = [false, true, true, false, false, false, false, false];

// Keys of the header in order: form, FACT_... or TEXT_..., and the TEXT_... with the reason why a hook was refused.
export const NONE: u32 = 255;
export const FORM_FORMAT: u32 = 0;
export const FORM_NUMBER: u32 = 1;
export const FORM_TIME: u32 = 2;
export const FORM_REASON: u32 = 3;
export const FORM_TEXT: u32 = 4;
export const FORM_SITES: u32 = 5;
export const FORM_HOOK: u32 = 6;
export const FORM_SWITCH: u32 = 7;
export const FORM_MAYBE: u32 = 8;
export const FORM_LIMITS: u32 = 9;
export const HEADER_KEYS: StaticArray<string> = [
  "format",
  "dump",
  "time",
  "reason",
  "level",
  "armed",
  "core",
  "shards",
  "sites",
  "refused-sites",
  "iobuffer",
  "openssl",
  "plugins",
  "buffers",
  "weights",
  "heap",
  "server-heap",
  "freelists",
  "verify",
  "lost",
  "traps",
  "damaged",
  "twice",
  "unseen",
  "untracked",
  "exhausted",
  "memory-reader",
  "memory",
];
export const HEADER_FORMS: StaticArray<u8> = [0, 1, 2, 3, 1, 1, 4, 1, 5, 1, 6, 6, 6, 6, 6, 6, 6, 6, 7, 1, 1, 1, 8, 1, 1, 9, 4, 1];
export const HEADER_NUMBERS: StaticArray<u8> = [
  255, 0, 1, 2, 3, 4, 0, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 255, 8, 23,
];
export const HEADER_REFUSALS: StaticArray<u8> = [
  255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 2, 3, 4, 5, 255, 6, 7, 255, 255, 255, 255, 255, 255, 255, 255, 255,
  255,
];

// Indexed by SETTING_.... The numbers of a record that is a text are 0.
export const SETTING_NAMES: StaticArray<string> = [
  "proxy.config.res_track_memory",
  "proxy.config.dump_mem_info_frequency",
  "proxy.config.plugin.memtrack.sites",
  "proxy.config.plugin.memtrack.verify",
  "proxy.config.plugin.memtrack.heap",
  "proxy.config.plugin.memtrack.sample_interval",
  "proxy.config.plugin.memtrack.search_cpu",
  "proxy.config.plugin.memtrack.output",
  "proxy.config.plugin.memtrack.accept",
];
export const SETTING_TYPES: StaticArray<string> = ["INT", "INT", "INT", "INT", "INT", "INT", "INT", "STRING", "STRING"];
export const SETTING_LEAST: StaticArray<i64> = [0, 0, 64, 0, 0, 0, 0, 0, 0];
export const SETTING_MOST: StaticArray<i64> = [2, 2147483647, 65408, 1, 2, 3600, 100, 0, 0];
export const SETTING_DEFAULTS: StaticArray<i64> = [0, 0, 4096, 0, 0, 10, 5, 0, 0];
export const SETTING_BELOW: StaticArray<i64> = [0, 0, 4096, 0, 0, 10, 5, 0, 0];
export const SETTING_ABOVE: StaticArray<i64> = [2, 0, 4096, 0, 0, 3600, 100, 0, 0];
export const SETTING_EFFECTS: StaticArray<u8> = [0, 0, 2, 1, 1, 1, 1, 1, 1];

// Indexed by SECTION_.... SECTION_COLUMNS is the index of a section's first width in COLUMN_WIDTHS, which leaves out the text column.
export const SECTION_MEMORY: u32 = 0;
export const SECTION_SUMMARY: u32 = 1;
export const SECTION_OBJECTS: u32 = 2;
export const SECTION_SPANS: u32 = 3;
export const SECTION_OWNERS: u32 = 4;
export const SECTION_GROWTH: u32 = 5;
export const SECTION_OWNERS_GROWTH: u32 = 6;
export const SECTION_SUSPECTS: u32 = 7;
export const SECTION_STACKS: u32 = 8;
export const SECTION_SEARCH: u32 = 9;
export const SECTION_HOLDERS: u32 = 10;
export const SECTION_AGES: u32 = 11;
export const SECTION_RECONCILIATION: u32 = 12;
export const SECTION_SHOW: u32 = 13;
export const SECTION_SHOW_HISTORY: u32 = 14;
export const SECTION_PRE_ARMING: u32 = 15;
export const SECTION_VERIFY: u32 = 16;
export const SECTION_MODULES: u32 = 17;
export const SECTION_TITLES: StaticArray<string> = [
  "",
  "",
  "",
  "Address space of mapped memory",
  "Owners: bytes in use by class, objects alive by kind;",
  "Growth since",
  "Growth of owners since",
  "Suspects:",
  "Stacks: calls that led to sampled allocations of suspects and of growth that is undecided, the innermost first",
  "Search:",
  "Holders of searched rows:",
  "Ages of live memory in seconds",
  "Reconciliation: the parts of resident memory",
  "Show:",
  "Show, why and history:",
  "Frees of untracked memory (allocated before tracking began, or by the server or the C library)",
  "Verify: IOBuffer events counted by memtrack and by the built-in tracker,",
  "Modules: files that the rows above name",
];
export const SECTION_HEADS: StaticArray<string> = [
  "Allocs     | Frees      | Size In-use          | Avg Size   | Location                                          ",
  "Total Allocated      | Total Freed          | Currently Allocated  | Type                ",
  "Created    | Destroyed  | Alive      | Size In-use          | Kind             | Location",
  "Ranges     | Mapped               | Resident             | Location",
  "Total          | Change         | Owner                          | State   | IOBuffer       | OpenSSL        | TSmalloc       | Heap           | Mapped         | Freelists      | Objects        | Conts    | Mutexes  | Buffers  | Readers  | MBuffers | Handles  | VConns   | Fetches  | Threads  | Files    | Streams  | Dirs     | Addrinfo | Regexes  | Others   | Txn held | Ssn held",
  "Verdict  | Why        | Change       | Per hour     | Location                                                         | Kind             | Per 1000 tx | Allocs     | Frees      | Old % | Kept % | Streak | Late % | Proof",
  "Verdict  | Why        | Change       | Per hour     | Owner                          | Per 1000 tx | Allocs     | Frees      | Old % | Kept % | Streak | Late %",
  "Per hour       | For      | Limit in   | Evidence",
  "No  | Samples | Allocs     | Size                 | Alive % | Share % | Location                                                         | Kind",
  "No  | Proof    | Watched | Lost  | Probably | Held  | Unsure | Passes  | Ago   | Blocks     | At least   | Kind             | Location",
  "No  | Share % | Holder",
  "Older than | Younger than | Alive      | Size In-use          | % of site | Kind             | Location",
  "Bytes                | Share % | Change         | What",
  "No  | Verdict  | Size In-use          | Allocs     | Frees      | Kind             | Location",
  "No  | Seconds ago | Samples | Live                 | Allocated            | What",
  "Frees      | Size                 | Class    | Freed by",
  "Allocs     | Frees      | Size In-use          | Accountant | Location",
  "Build id                                 | Module",
];
export const SECTION_RULES: StaticArray<string> = [
  "-----------|------------|----------------------|------------|--------------------------------------------------------------------",
  "---------------------|----------------------|----------------------|----------------------",
  "-----------|------------|------------|----------------------|------------------|------------------------------",
  "-----------|----------------------|----------------------|------------------------------",
  "---------------|----------------|--------------------------------|---------|----------------|----------------|----------------|----------------|----------------|----------------|----------------|----------|----------|----------|----------|----------|----------|----------|----------|----------|----------|----------|----------|----------|----------|----------|----------|----------",
  "---------|------------|--------------|--------------|------------------------------------------------------------------|------------------|-------------|------------|------------|-------|--------|--------|--------|----------",
  "---------|------------|--------------|--------------|--------------------------------|-------------|------------|------------|-------|--------|--------|--------",
  "---------------|----------|------------|--------------------------------------------------",
  "----|---------|------------|----------------------|---------|---------|------------------------------------------------------------------|------------------",
  "----|----------|---------|-------|----------|-------|--------|---------|-------|------------|------------|------------------|------------------------------",
  "----|---------|------------------------------",
  "-----------|--------------|------------|----------------------|-----------|------------------|------------------------------",
  "---------------------|---------|----------------|--------------------------------------------------",
  "----|----------|----------------------|------------|------------|------------------|------------------------------",
  "----|-------------|---------|----------------------|----------------------|------------------------------",
  "-----------|----------------------|----------|------------",
  "-----------|------------|----------------------|------------|------------------------------",
  "-----------------------------------------|--------------------------------------------------",
];
export const SECTION_COLUMNS: StaticArray<u8> = [0, 4, 7, 12, 15, 42, 55, 66, 69, 76, 88, 90, 96, 99, 105, 110, 113, 117];
export const SECTION_TEXT_WIDTHS: StaticArray<u8> = [50, 20, 0, 0, 30, 64, 30, 0, 64, 0, 0, 0, 0, 0, 0, 8, 0, 0];
export const COLUMN_WIDTHS: StaticArray<u8> = [
  10, 10, 20, 10, 20, 20, 20, 10, 10, 10, 20, 16, 10, 20, 20, 14, 14, 7, 14, 14, 14, 14, 14, 14, 14, 8, 8, 8, 8, 8, 8, 8,
  8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 10, 12, 12, 16, 11, 10, 10, 5, 6, 6, 6, 8, 8, 10, 12, 12, 11, 10, 10, 5, 6, 6, 6, 14, 8,
  10, 3, 7, 10, 20, 7, 7, 16, 3, 8, 7, 5, 8, 5, 6, 7, 5, 10, 10, 16, 3, 7, 10, 12, 10, 20, 9, 16, 20, 7, 14, 3, 8, 20, 10,
  10, 16, 3, 11, 7, 20, 20, 10, 20, 10, 10, 10, 20, 10, 40,
];
