// SPDX-License-Identifier: Apache-2.0
//
// The numbers that the core and its hosts share. The build makes build/core_abi.h of this file for the C host, and the Node host
// imports it as it is, so each number stands once. Every line is `export const NAME: u32 = NUMBER;`.

// Roles of an instance. Each role's memory map is a prefix of the next one's (memory.ts).
export const ROLE_SHARD: u32 = 0; // one thread's counters
export const ROLE_REGISTRY: u32 = 1; // the names of all sites
export const ROLE_MODEL: u32 = 2; // sums, rows and the text of a dump
export const ROLE_CONTROL: u32 = 3; // no sites: reads and writes text for the host (assembly/control)

// Site numbers 0 to 15 are fixed; registered sites follow. The row (other) of class c is SITE_OTHER + c. A release is charged to
// SITE_PRE_ARMING + c if its allocation was not accounted (it is older than the hook, or foreign).
export const SITE_OTHER: u32 = 0;
export const SITE_PRE_ARMING: u32 = 8;
export const SITE_FIRST: u32 = 16;
export const SITE_UNKNOWN: u32 = 0xffffffff;

// Epochs: when a block was allocated, in 7 bits of its tag. They are numbered from the first sample on, and no number is used
// twice. A block's birth, in its tag, is its site and below it the epoch.
export const EPOCH_BITS: u32 = 7;
export const EPOCH_MASK: u32 = 127;

// Numbers above the capacity, as far as 16 bits reach: rows (other) of a class and an owner, for sites that found no room. The key
// of such a row is OTHER_ADDRESS, which no site has, and attributes of class and owner alone.
export const OTHERS_MAX: u32 = 60;
export const OTHER_ADDRESS: u32 = 1;

// What a frozen shard knows: every site, and then also every row (other).
export const FROZEN_SITES: u32 = 1;
export const FROZEN_ALL: u32 = 2;

// A site's attributes, 64 bits: the line, the class above it, and above them the owner whose code was running.
export const ATTRIBUTES_CLASS_SHIFT: u32 = 28;
export const ATTRIBUTES_LINE_MASK: u32 = 0x0fffffff;
export const ATTRIBUTES_OWNER_SHIFT: u32 = 32;

// Owners: the plugins, and the server itself. An owner's key is its slot and, above that, the slot's incarnation: a slot is used
// again, a key never.
export const OWNER_CORE: u32 = 0;
export const OWNER_OTHER: u32 = 1; // where all slots are taken
export const OWNER_SLOT_BITS: u32 = 10;
export const OWNERS_MAX: u32 = 1024;
export const OWNER_SIZE: u32 = 128;
export const OWNER_TEXT_MAX: u32 = 112;

// A site's record in a shard, in bytes (diagram in site.ts). A dump copies the two pairs.
export const RECORD_SIZE: u32 = 48;
export const RECORD_ALLOCS: u32 = 16; // pair: u64 count, u64 bytes
export const RECORD_FREES: u32 = 32; // pair: u64 count, u64 bytes
export const PAIR_SIZE: u32 = 16;

// The buckets of older epochs of one site in a shard: how many, and their size in bytes (diagram in bucket.ts).
export const BUCKETS: u32 = 5;
export const BUCKETS_SIZE: u32 = 64;

// What a dump copies of one site of one shard, all of one moment: the shard's epochs, both pairs, the buckets. STAGED_MAX at once.
export const STAGED_EPOCHS: u32 = 0; // u64
export const STAGED_PAIRS: u32 = 8;
export const STAGED_BUCKETS: u32 = 40;
export const STAGED_SIZE: u32 = 104;
export const STAGED_MAX: u32 = 256;

// A site's name in the registry, in bytes (diagram in name.ts).
export const NAME_SIZE: u32 = 192;
export const NAME_MAX: u32 = 176;
export const NAME_LENGTH: u32 = 0; // u16
export const NAME_TEXT: u32 = 16;

// Flags of register().
export const NAME_VIA: u32 = 1; // the address is not in the owner's module: the name ends with "[via owner]"
export const NAME_HIDDEN: u32 = 2; // a wrapper: it has no row, the host looks for its caller

// Addresses of a shard's tables, the same in every instance whatever its role and capacity, each with room for the largest table:
// constants in the instructions of the hot path. INDEX_BITS numbers the slots of the largest index. Pages that are not needed are
// never touched.
export const INDEX_AT: u32 = 0x10000;
export const INDEX_BITS: u32 = 17;
export const RECORDS_AT: u32 = 0x50000;
export const BUCKETS_AT: u32 = 0x350000;
export const SHARD_MEMORY: u32 = 0x800000;

// Bytes of text that a host hands to the core at most. A longer text loses its beginning: the file and line are at its end.
export const INPUT_SIZE: u32 = 4096;

// Bytes of a text of a dump's header (TEXT_...), at most, and of what belongs to it.
export const TEXT_SIZE: u32 = 256;

// Samples: levels of decimation, points a level keeps, samples of one level that make a point of the next (as a power of 2).
export const HISTORY_LEVELS: u32 = 7;
export const HISTORY_POINTS: u32 = 11;
export const HISTORY_SHIFT: u32 = 2;
export const OWNER_SERIES_MAX: u32 = 64; // owners with a history, the sum of all others among them

// Baselines that are kept, and bytes of a baseline's name.
export const BASELINES: u32 = 6;
export const BASELINE_NAME_MAX: u32 = 32;

// What only the host can measure: setMeasure(MEASURE_..., value). A measure that it does not set is unknown.
export const MEASURE_NOW: u32 = 0; // seconds, monotonic
export const MEASURE_CONNECTIONS: u32 = 1; // open now
export const MEASURE_RAM_CACHE: u32 = 2; // bytes in the RAM cache
export const MEASURE_RSS: u32 = 3; // resident bytes of the process
export const MEASURE_RSS_FILES: u32 = 4; // of these, mapped from files: programs and libraries
export const MEASURE_FREELISTS: u32 = 5; // bytes that the server's freelists hold unused
export const MEASURE_SLACK: u32 = 6; // bytes that the allocator holds unused
export const MEASURE_MAX_USAGE: u32 = 7; // limit by proxy.config.memory.max_usage
export const MEASURE_CGROUP: u32 = 8; // limit by the control group
export const MEASURE_RAM: u32 = 9; // the machine's memory
export const MEASURE_INTERVAL: u32 = 10; // seconds between samples
export const MEASURE_COUNT: u32 = 11;

// Text that a control instance is handed, and what it answers, at most, in bytes.
export const QUESTION_MAX: u32 = 61440;
export const ANSWER_MAX: u32 = 4096;

// How grave an answer is, where it is a line to be logged.
export const LINE_NOTE: u32 = 0;
export const LINE_WARNING: u32 = 1;
export const LINE_ERROR: u32 = 2;

// Plugin messages: bytes that one may have, and of its argument that are kept (a baseline's name is cut shorter); the verbs
// (control/message.ts has their words).
export const MESSAGE_MAX: u32 = 1024;
export const ARGUMENT_MAX: u32 = 256;
export const VERB_MARK: u32 = 0;
export const VERB_DIFF: u32 = 1;
export const VERB_DUMP: u32 = 2;
export const VERB_RESET: u32 = 3;
export const VERB_ARM: u32 = 4;
export const VERB_STATUS: u32 = 5;
export const VERB_HELP: u32 = 6;
export const VERB_COUNT: u32 = 7;

// What the linkage name of a function tells (naming/mangled.ts).
export const MANGLED_OWN: u32 = 0; // nothing is known against it: a function somebody wrote for this module
export const MANGLED_WRAPPER: u32 = 1; // of namespace std or __gnu_cxx, or an operator new or delete
export const MANGLED_TRAMPOLINE: u32 = 2; // of namespace std, but there to call somebody's function, which is often inlined into it

// From here on, the numbers of what format/format.ts lists: tools/build.ts writes them. What they mean stands there.

export const CLASS_IOBUFFER: u32 = 0;
export const CLASS_OPENSSL: u32 = 1;
export const CLASS_TSAPI: u32 = 2;
export const CLASS_HEAP: u32 = 3;
export const CLASS_OBJECT: u32 = 4;
export const CLASS_COUNT: u32 = 5;

export const KIND_CONT: u32 = 0;
export const KIND_MUTEX: u32 = 1;
export const KIND_IOBUFFER: u32 = 2;
export const KIND_READER: u32 = 3;
export const KIND_MBUFFER: u32 = 4;
export const KIND_OTHER: u32 = 5;
export const KIND_COUNT: u32 = 6;

export const FACT_DUMP: u32 = 0;
export const FACT_TIME: u32 = 1;
export const FACT_REASON: u32 = 2;
export const FACT_LEVEL: u32 = 3;
export const FACT_ARMED: u32 = 4;
export const FACT_SHARDS: u32 = 5;
export const FACT_SITES: u32 = 6;
export const FACT_REFUSED_SITES: u32 = 7;
export const FACT_IOBUFFER: u32 = 8;
export const FACT_OPENSSL: u32 = 9;
export const FACT_PLUGINS: u32 = 10;
export const FACT_BUFFERS: u32 = 11;
export const FACT_HEAP: u32 = 12;
export const FACT_VERIFY: u32 = 13;
export const FACT_LOST: u32 = 14;
export const FACT_TRAPS: u32 = 15;
export const FACT_DAMAGED: u32 = 16;
export const FACT_TWICE: u32 = 17;
export const FACT_UNTRACKED: u32 = 18;
export const FACT_MEMORY: u32 = 19;
export const FACT_COUNT: u32 = 20;

export const TEXT_CORE: u32 = 0;
export const TEXT_IOBUFFER: u32 = 1;
export const TEXT_OPENSSL: u32 = 2;
export const TEXT_PLUGINS: u32 = 3;
export const TEXT_BUFFERS: u32 = 4;
export const TEXT_COUNT: u32 = 5;

export const LIMIT_THUNKS: u32 = 0;
export const LIMIT_MODULES: u32 = 1;
export const LIMIT_GENERATIONS: u32 = 2;
export const LIMIT_LOCATIONS: u32 = 3;
export const LIMIT_OWNERS: u32 = 4;
export const LIMIT_SLOTS: u32 = 5;
export const LIMIT_SHARDS: u32 = 6;
export const LIMIT_READERS: u32 = 7;
export const LIMIT_DESCRIPTORS: u32 = 8;
export const LIMIT_COUNT: u32 = 9;

export const DUMP_REASON_SIGNAL: u32 = 0;
export const DUMP_REASON_TIMER: u32 = 1;
export const DUMP_REASON_OTHER: u32 = 2;
export const DUMP_REASON_MESSAGE: u32 = 3;

export const HOOK_OFF: u32 = 0;
export const HOOK_INSTALLED: u32 = 1;
export const HOOK_REFUSED: u32 = 2;

export const VERDICT_NEW: u32 = 0;
export const VERDICT_STEADY: u32 = 1;
export const VERDICT_CHURN: u32 = 2;
export const VERDICT_FILLING: u32 = 3;
export const VERDICT_LEAK: u32 = 4;

export const EXPLAINED_BY_NOTHING: u32 = 0;
export const EXPLAINED_BY_RAM_CACHE: u32 = 1;
export const EXPLAINED_BY_LOAD: u32 = 2;
export const EXPLAINED_BY_LEVELLING: u32 = 3;
export const EXPLAINED_BY_AGE: u32 = 4;
export const EXPLAINED_BY_CONFIRMATION: u32 = 5;

export const SETTING_LEVEL: u32 = 0;
export const SETTING_FREQUENCY: u32 = 1;
export const SETTING_SITES: u32 = 2;
export const SETTING_VERIFY: u32 = 3;
export const SETTING_HEAP: u32 = 4;
export const SETTING_INTERVAL: u32 = 5;
export const SETTING_COUNT: u32 = 6;

export const SETTING_OF_SERVER: u32 = 0;
export const SETTING_LIVE: u32 = 1;
export const SETTING_AT_START: u32 = 2;

export const SITES_MIN: u32 = 64;
export const SITES_MAX: u32 = 65520;
export const SITES_DEFAULT: u32 = 4096;
