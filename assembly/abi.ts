// SPDX-License-Identifier: Apache-2.0
//
// Numbers shared by the core and its hosts. The build generates build/core_abi.h from this file for the C host; the Node host
// imports it directly. Each number is thus defined once. Every line is `export const NAME: u32 = NUMBER;`.

// Roles of an instance. The memory map of each role is a prefix of the next role's (memory.ts).
export const ROLE_SHARD: u32 = 0; // counters of one thread
export const ROLE_REGISTRY: u32 = 1; // names of all sites
export const ROLE_MODEL: u32 = 2; // sums, rows and the text of a dump
export const ROLE_CONTROL: u32 = 3; // no sites: reads and writes text for the host (assembly/control)
export const ROLE_SEARCH: u32 = 4; // no sites: searches memory for references to blocks (assembly/search)

// Site numbers 0 to 127 are fixed; registered sites follow. The row (other) of class c is SITE_OTHER + c. A release is charged to
// SITE_PRE_ARMING + c if its allocation was not counted (older than the hook, or foreign). The numbers from SITE_FREELIST on are rows
// of the server's freelists, of which no shard counts anything.
export const SITE_OTHER: u32 = 0;
export const SITE_PRE_ARMING: u32 = 8;
export const SITE_FREELIST: u32 = 16;
export const FREELISTS_MAX: u32 = 112;
export const SITE_FIRST: u32 = 128;
export const SITE_UNKNOWN: u32 = 0xffffffff;

// Epoch of a block's allocation, in 7 bits of its tag. Epochs are numbered from the first sample on, and no number is reused. A
// block's birth, in its tag, is its site with the epoch below.
export const EPOCH_BITS: u32 = 7;
export const EPOCH_MASK: u32 = 127;

// The tag of a block: 8 bytes at its end (diagram in host/ats/core/tag.h): the shifts and widths of its fields, the code of a slack that
// stands in the word before it, and the bits of the check that this word repeats.
export const TAG_SIZE: u32 = 8;
export const TAG_ZONE: u32 = 8; // the longest overrun that surely leaves the fence intact
export const TAG_GUARDED: u32 = 48; // least slack of a block with a guard: zone, fence, slack, tag
export const TAG_BIRTH_SHIFT: u32 = 41;
export const TAG_BIRTH_BITS: u32 = 23;
export const TAG_SLACK_SHIFT: u32 = 37;
export const TAG_SLACK_LONG: u32 = 15;
export const TAG_CHECK_BITS: u32 = 37;
export const TAG_LEFT_SHIFT: u32 = 16; // position of the check's bits behind two overwritten bytes

// Site numbers above the capacity, as far as 16 bits reach, are rows (other) of a class and an owner, for refused sites. The key of
// such a row is OTHER_ADDRESS, which no site has, with attributes that contain only class and owner.
export const OTHERS_MAX: u32 = 60;
export const OTHER_ADDRESS: u32 = 1;

// The address in the key of a site that counts what an owner frees and nobody was seen to allocate: one for each class and owner. Its
// frees have bytes, its allocations have none.
export const UNTRACKED_ADDRESS: u32 = 2;

// What a frozen shard knows: every site, or also every row (other).
export const FROZEN_SITES: u32 = 1;
export const FROZEN_ALL: u32 = 2;

// The 64 bits of a site's attributes: the line, above it the class, above that the owner whose code was running.
export const ATTRIBUTES_CLASS_SHIFT: u32 = 28;
export const ATTRIBUTES_SAMPLED: u32 = 0x80000000; // in a shard's record: allocations take the slow path (table.ts)
export const ATTRIBUTES_LINE_MASK: u32 = 0x0fffffff;
export const ATTRIBUTES_OWNER_SHIFT: u32 = 32;

// Owners: the plugins and the server. An owner's key is its slot with the slot's incarnation above. Slots are reused, keys are not.
export const OWNER_CORE: u32 = 0;
export const OWNER_OTHER: u32 = 1; // used if all slots are taken
export const OWNER_SLOT_BITS: u32 = 10;
export const OWNERS_MAX: u32 = 1024;
export const OWNER_SIZE: u32 = 128;
export const OWNER_TEXT_MAX: u32 = 112;

// Files of modules: number of entries, size of an entry in bytes (diagram in registry/module_file.ts). OWNER_NONE is the owner key of a
// library's file.
export const FILES_MAX: u32 = 512;
export const FILE_SIZE: u32 = 320;
export const OWNER_NONE: u32 = 0xffffffff;

// A site's record in a shard: size and offsets in bytes (diagram in site.ts). A dump copies the two pairs.
export const RECORD_SIZE: u32 = 48;
export const RECORD_ALLOCS: u32 = 16; // pair: u64 count, u64 bytes
export const RECORD_FREES: u32 = 32; // pair: u64 count, u64 bytes
export const PAIR_SIZE: u32 = 16;

// The buckets of older epochs of a site in a shard: their number, and their size in bytes (diagram in bucket.ts).
export const BUCKETS: u32 = 5;
export const BUCKETS_SIZE: u32 = 64;

// Consistent per-site snapshot that a dump copies from a shard: the shard's epochs, both pairs, the buckets; STAGED_MAX sites per
// call.
export const STAGED_EPOCHS: u32 = 0; // u64
export const STAGED_PAIRS: u32 = 8;
export const STAGED_BUCKETS: u32 = 40;
export const STAGED_SIZE: u32 = 104;
export const STAGED_MAX: u32 = 256;

// A site's name in the registry: size and offsets in bytes (diagram in name.ts).
export const NAME_SIZE: u32 = 192;
export const NAME_MAX: u32 = 176;
export const NAME_LENGTH: u32 = 0; // u16
export const NAME_TEXT: u32 = 16;

// Flags of register().
export const NAME_VIA: u32 = 1; // the address is not in the owner's module: the name ends with "[via owner]"
export const NAME_HIDDEN: u32 = 2; // it has no row: a wrapper, whose caller the host looks for
export const NAME_UNTRACKED: u32 = 4; // frees of untracked memory, whose lines are in a section of their own; it has no row either

// Addresses of a shard's tables, equal in all instances regardless of role and capacity, each with room for the largest table:
// constants in the instructions of the hot path. INDEX_BITS is the number of bits of a slot number in the largest index. Unused
// pages are never touched.
export const INDEX_AT: u32 = 0x10000;
export const INDEX_BITS: u32 = 17;
export const RECORDS_AT: u32 = 0x50000;
export const BUCKETS_AT: u32 = 0x350000;
export const SHARD_MEMORY: u32 = 0x800000;

// Most bytes of text that a host passes to the core. A longer text loses its beginning, because the file and line are at its end.
export const INPUT_SIZE: u32 = 4096;

// Most bytes of a text of a dump's header (TEXT_...), with its overhead.
export const TEXT_SIZE: u32 = 256;

// Samples: levels of decimation, points per level, samples of a level per point of the next (as a power of 2).
export const HISTORY_LEVELS: u32 = 7;
export const HISTORY_POINTS: u32 = 11;
export const HISTORY_SHIFT: u32 = 2;
export const OWNER_SERIES_MAX: u32 = 64; // owners with a history, including the sum of all others

// Number of baselines, and bytes of a baseline's name.
export const BASELINES: u32 = 6;
export const BASELINE_NAME_MAX: u32 = 32;

// Who set a baseline. Dumps use the baseline with the highest of these numbers; of a user's, the last one.
export const BASELINE_BY_RELOAD: u32 = 0; // a reload of the configuration
export const BASELINE_BY_START: u32 = 1; // the server is initialized
export const BASELINE_BY_WARM_UP: u32 = 2; // the end of the warm-up
export const BASELINE_BY_USER: u32 = 3;

// Measurements that only the host can make: setMeasure(MEASURE_..., value). A measure that is not set is unknown.
export const MEASURE_NOW: u32 = 0; // seconds, monotonic
export const MEASURE_CONNECTIONS: u32 = 1; // open now
export const MEASURE_RAM_CACHE: u32 = 2; // bytes in the RAM cache
export const MEASURE_RSS: u32 = 3; // resident bytes of the process
export const MEASURE_RSS_FILES: u32 = 4; // part of these mapped from files: programs and libraries
export const MEASURE_FREELISTS: u32 = 5; // unused bytes held by the server's freelists
export const MEASURE_SLACK: u32 = 6; // unused bytes held by the allocator
export const MEASURE_MAX_USAGE: u32 = 7; // limit by proxy.config.memory.max_usage
export const MEASURE_CGROUP: u32 = 8; // limit by the control group
export const MEASURE_RAM: u32 = 9; // memory of the machine
export const MEASURE_INTERVAL: u32 = 10; // seconds between samples
export const MEASURE_EARLIER: u32 = 11; // plugins that were loaded before memtrack
export const MEASURE_BLOCK_HEADER: u32 = 12; // bytes that the C library's allocator keeps for each block; unknown for another allocator
export const MEASURE_ALLOCATED: u32 = 13; // bytes in use in the C library's allocator, with their headers
export const MEASURE_THREADS: u32 = 14; // of the process
export const MEASURE_SWAP: u32 = 15; // bytes of the process in the swap
export const MEASURE_COUNT: u32 = 16;

// Most bytes of text passed to a control instance, and of its answer.
export const QUESTION_MAX: u32 = 61440;

// Machines whose instructions the core reads (control/prologue.ts, naming/called.ts).
export const MACHINE_X86_64: u32 = 0;
export const MACHINE_ARM64: u32 = 1;
/** The longest instruction, in bytes: so many beyond those that are asked about are read. */
export const INSTRUCTION_SIZE: u32 = 16;
/** Bytes that are read of a call, up to its end, and of a stub, from its beginning. */
export const CALL_SIZE: u32 = 8;
export const STUB_SIZE: u32 = 16;
export const ANSWER_MAX: u32 = 4096;

// Classification of a module by its name (naming/module.ts); number of plugin names whose loads are counted, and bytes of an entry.
export const MODULE_NAME_LIBRARY: u32 = 0;
export const MODULE_NAME_SERVER: u32 = 1;
export const MODULE_NAME_LEFT_ALONE: u32 = 2; // none of its calls are redirected
export const LOADS_MAX: u32 = 1024;
export const LOAD_SIZE: u32 = 64;

// Severity of an answer that is a line to log.
export const LINE_NOTE: u32 = 0;
export const LINE_WARNING: u32 = 1;
export const LINE_ERROR: u32 = 2;

// Whether dumps can be written to the file that the record `output` names, and if not, why (control/output.ts).
export const OUTPUT_NONE: u32 = 0; // the record is empty
export const OUTPUT_USABLE: u32 = 1;
export const OUTPUT_ABOVE: u32 = 2; // the path has ".." in it
export const OUTPUT_LONG: u32 = 3;
export const OUTPUT_NOWHERE: u32 = 4; // the path is relative, and the log folder is not known
export const OUTPUT_LINK: u32 = 5;
export const OUTPUT_FOLDER: u32 = 6;
export const OUTPUT_SPECIAL: u32 = 7; // a FIFO, a device, a socket
export const OUTPUT_MISSING: u32 = 8; // its folder
export const OUTPUT_DENIED: u32 = 9;
export const OUTPUT_FULL: u32 = 10;
export const OUTPUT_FAILED: u32 = 11; // for another reason

// Plugin messages: most bytes of a message, and of its argument (a baseline's name is cut shorter); the verbs (see
// control/message.ts for their words).
export const MESSAGE_MAX: u32 = 1024;
export const ARGUMENT_MAX: u32 = 256;
export const VERB_MARK: u32 = 0;
export const VERB_DIFF: u32 = 1;
export const VERB_DUMP: u32 = 2;
export const VERB_RESET: u32 = 3;
export const VERB_ARM: u32 = 4;
export const VERB_SHOW: u32 = 5;
export const VERB_STATUS: u32 = 6;
export const VERB_SEARCH: u32 = 7;
export const VERB_ACCEPT: u32 = 8;
export const VERB_UNACCEPT: u32 = 9;
export const VERB_HELP: u32 = 10;
export const VERB_COUNT: u32 = 11;

// What a line of /proc/self/maps or smaps says (control/mapping.ts).
export const LINE_OTHER: u32 = 0; // nothing of a mapping
export const LINE_SKIPPED: u32 = 1; // a mapping that holds no variable
export const LINE_READ: u32 = 2; // a mapping that the search reads
export const LINE_SHARED: u32 = 3; // a mapping that a thorough pass reads: a shared one of a file
export const LINE_UNDUMPED: u32 = 4; // that the mapping above is not in core dumps

// Classification of a function by its linkage name (naming/mangled.ts).
export const MANGLED_OWN: u32 = 0; // no other class applies: a function written for this module
export const MANGLED_WRAPPER: u32 = 1; // in namespace std or __gnu_cxx, or an operator new or delete
export const MANGLED_TRAMPOLINE: u32 = 2; // in namespace std, but calls a user's function, which is often inlined into it
export const MANGLED_API: u32 = 3; // an inline function of the plugin API's header that allocates

// The search for references (assembly/search): most sites that it watches at a time, and blocks of a site.
export const SEARCHED_MAX: u32 = 64;
export const WATCHED_MAX: u32 = 64;
export const LOST_PASSES: u32 = 21; // complete passes without a reference until a block is lost
export const LINKS_MAX: u32 = 8192; // blocks that hold others, of all sites
export const LOOKUPS_MAX: u32 = 2048; // references whose holder is looked for after a pass

// Memory of the process is searched in pieces. A piece in which words begin that end behind it is followed by a margin.
export const SEARCH_PIECE: u32 = 65536;
export const SEARCH_MARGIN: u32 = 16;

// A large instance begins where a huge page can, and so does what the search copies memory to.
export const HUGE_PAGE: u32 = 0x200000;

// What a piece is: any memory; any memory, of which words at every address are read, not only at multiples of 8; the data of IOBuffers.
export const PIECE_MEMORY: u32 = 0;
export const PIECE_UNALIGNED: u32 = 1;
export const PIECE_BUFFER: u32 = 2;
export const PIECE_NONE: u32 = 0xffffffff; // no number of a piece

// Flags of a pass.
export const PASS_THOROUGH: u32 = 1; // it reads unaligned words, the data of IOBuffers, and shared files too
export const PASS_SLACK: u32 = 2; // words in the slack of blocks count: somebody may use it (search/slack.ts)

// Bytes of an object whose size is not known, in which a word counts as a reference to it, and as one in it.
export const OBJECT_UNKNOWN: u32 = 256;

// Why a pass is not complete, or there is none; the first is of one that is.
export const GAP_NONE: u32 = 0;
export const GAP_START: u32 = 1; // no memory or no thread for the search
export const GAP_MAPS: u32 = 2; // /proc/self/maps cannot be read
export const GAP_REGIONS: u32 = 3; // more regions than there is room for
export const GAP_HUGE: u32 = 4; // a mapping that is too long to be read
export const GAP_UNREAD: u32 = 5; // memory that is mapped could not be read
export const GAP_TABLES: u32 = 6; // tables of objects and ranges changed too fast
export const GAP_SWAP: u32 = 7; // pages went to the swap, or came from it
export const GAP_TRAP: u32 = 8; // the core has trapped: there is no search any more

// What the search needs from the host after a pass: nothing more; memory, or what is known of an address that lies in no block.
export const REQUEST_NONE: u32 = 0;
export const REQUEST_READ: u32 = 1;
export const REQUEST_PLACE: u32 = 2;

// The watch list that a model writes and a search instance reads: an entry for each site.
export const WATCH_SITE: u32 = 0; // u32
export const WATCH_CLASS: u32 = 4; // u32
export const WATCH_BYTES: u32 = 8; // u32: of a block, on average
export const WATCH_SIZE: u32 = 12;

// What the search found of a site, which a model reads: offsets in bytes (diagram in model/findings.ts).
export const FINDING_SITE: u32 = 0; // u32
export const FINDING_FLAGS: u32 = 4; // u32, FINDING_IS_...
export const FINDING_PASSES: u32 = 8; // u32: complete passes over memory that watched the site
export const FINDING_WATCHED: u32 = 12; // u32: blocks of the sample, of which are
export const FINDING_OLD: u32 = 16; // u32: watched in so many passes that they would be called lost
export const FINDING_LOST: u32 = 20; // u32
export const FINDING_PROBABLY: u32 = 24; // u32: probably lost
export const FINDING_HELD: u32 = 28; // u32
export const FINDING_UNSURE: u32 = 32; // u32
export const FINDING_CHAINED: u32 = 36; // u32: held blocks that the chain holds
export const FINDING_LENGTH: u32 = 40; // u32: bytes of the chain
export const FINDING_BLOCKS: u32 = 48; // u64: live blocks of the site, of epochs that have ended
export const FINDING_ESTIMATE: u32 = 56; // u64: of these lost, at least
export const FINDING_EXPECTED: u32 = 64; // u64: of these lost, if the old ones are as those of the sample
export const FINDING_EPOCHS: u32 = 72; // a bit for each epoch of which a block is lost
export const FINDING_TIME: u32 = 88; // u64: when the last complete pass ended; the model sets it
export const FINDING_CHAIN: u32 = 96; // from the block's holder to the root: texts and CHAIN_...
export const FINDING_SIZE: u32 = 424;

// A block that was called lost has been released or handed out since: what is lost of this site cannot be told.
export const FINDING_IS_BLIND: u32 = 1;

// In a chain: a byte that the number of a site follows (u16), in place of its name.
export const CHAIN_SITE: u32 = 1;

// Call stacks of sampled allocations: calls of a stack, different stacks, different calls, and entries of the host for the blocks of
// samples and for stacks that wait (model/stacks.ts, host/ats/owner/call_stack.h).
export const CALLS_MAX: u32 = 24;
export const STACKS_MAX: u32 = 512;
export const FRAMES_MAX: u32 = 4096;
export const FRAME_SIZE: u32 = 144; // bytes
export const CALL_STACKS_MAX: u32 = 512;
// Functions of a call: the one that makes it, and those that this one is inlined into.
export const INLINED_MAX: u32 = 16;

// A sampled stack, which a hook leaves and the model takes: offsets in bytes.
export const STACK_SITE: u32 = 0; // u32
export const STACK_RATE: u32 = 4; // u32: power of 2 of the allocations for which it stands
export const STACK_BYTES: u32 = 8; // u64: of the allocation
export const STACK_FLAGS: u32 = 16; // u32, STACK_...
export const STACK_END: u32 = 20; // u32, STACK_IS_...
export const STACK_COUNT: u32 = 24; // u32: calls
export const STACK_CALLS: u32 = 32; // u64 each: the module's number above, the return address in it below
export const STACK_HAS_BLOCK: u32 = 1; // the host will tell when its block is released
export const STACK_BEFORE_GONE: u32 = 2; // the block that the entry had before was released
export const STACK_IS_WHOLE: u32 = 0; // up to the thread's first function
export const STACK_IS_CUT: u32 = 1; // there are more calls
export const STACK_IS_LOST: u32 = 2; // beyond the last call there is code without unwind tables, or in no module

// The rest of this file is generated by tools/build.ts: the numbers of the entries in format/format.ts, which explains them.

export const CLASS_IOBUFFER: u32 = 0;
export const CLASS_OPENSSL: u32 = 1;
export const CLASS_TSAPI: u32 = 2;
export const CLASS_HEAP: u32 = 3;
export const CLASS_MAPPED: u32 = 4;
export const CLASS_FREELIST: u32 = 5;
export const CLASS_OBJECT: u32 = 6;
export const CLASS_COUNT: u32 = 7;

export const KIND_CONT: u32 = 0;
export const KIND_MUTEX: u32 = 1;
export const KIND_IOBUFFER: u32 = 2;
export const KIND_READER: u32 = 3;
export const KIND_MBUFFER: u32 = 4;
export const KIND_HANDLE: u32 = 5;
export const KIND_VCONN: u32 = 6;
export const KIND_FETCH: u32 = 7;
export const KIND_THREAD: u32 = 8;
export const KIND_FILE: u32 = 9;
export const KIND_STREAM: u32 = 10;
export const KIND_DIRECTORY: u32 = 11;
export const KIND_ADDRESSES: u32 = 12;
export const KIND_REGEX: u32 = 13;
export const KIND_OTHER: u32 = 14;
export const KIND_HELD_TRANSACTION: u32 = 15;
export const KIND_HELD_SESSION: u32 = 16;
export const KIND_COUNT: u32 = 17;

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
export const FACT_WEIGHTS: u32 = 12;
export const FACT_HEAP: u32 = 13;
export const FACT_SERVER_HEAP: u32 = 14;
export const FACT_FREELISTS: u32 = 15;
export const FACT_VERIFY: u32 = 16;
export const FACT_LOST: u32 = 17;
export const FACT_TRAPS: u32 = 18;
export const FACT_DAMAGED: u32 = 19;
export const FACT_TWICE: u32 = 20;
export const FACT_UNSEEN: u32 = 21;
export const FACT_UNTRACKED: u32 = 22;
export const FACT_MEMORY: u32 = 23;
export const FACT_COUNT: u32 = 24;

export const TEXT_CORE: u32 = 0;
export const TEXT_IOBUFFER: u32 = 1;
export const TEXT_OPENSSL: u32 = 2;
export const TEXT_PLUGINS: u32 = 3;
export const TEXT_BUFFERS: u32 = 4;
export const TEXT_WEIGHTS: u32 = 5;
export const TEXT_SERVER_HEAP: u32 = 6;
export const TEXT_FREELISTS: u32 = 7;
export const TEXT_MEMORY_READER: u32 = 8;
export const TEXT_COUNT: u32 = 9;

export const LIMIT_THUNKS: u32 = 0;
export const LIMIT_MODULES: u32 = 1;
export const LIMIT_GENERATIONS: u32 = 2;
export const LIMIT_LOCATIONS: u32 = 3;
export const LIMIT_OWNERS: u32 = 4;
export const LIMIT_SLOTS: u32 = 5;
export const LIMIT_SHARDS: u32 = 6;
export const LIMIT_READERS: u32 = 7;
export const LIMIT_DESCRIPTORS: u32 = 8;
export const LIMIT_FILES: u32 = 9;
export const LIMIT_UNLOADED: u32 = 10;
export const LIMIT_FREELISTS: u32 = 11;
export const LIMIT_RANGES: u32 = 12;
export const LIMIT_STARTS: u32 = 13;
export const LIMIT_REGIONS: u32 = 14;
export const LIMIT_STACKS: u32 = 15;
export const LIMIT_COUNT: u32 = 16;

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
export const VERDICT_ACCEPTED: u32 = 5;

export const EXPLAINED_BY_NOTHING: u32 = 0;
export const EXPLAINED_BY_RAM_CACHE: u32 = 1;
export const EXPLAINED_BY_LOAD: u32 = 2;
export const EXPLAINED_BY_LEVELLING: u32 = 3;
export const EXPLAINED_BY_AGE: u32 = 4;
export const EXPLAINED_BY_RELOAD: u32 = 5;
export const EXPLAINED_BY_HOLDER: u32 = 6;
export const EXPLAINED_BY_CONFIRMATION: u32 = 7;

export const PROOF_NONE: u32 = 0;
export const PROOF_LOST: u32 = 1;
export const PROOF_PROBABLY: u32 = 2;
export const PROOF_HELD: u32 = 3;
export const PROOF_UNSURE: u32 = 4;
export const PROOF_BLIND: u32 = 5;

export const SETTING_LEVEL: u32 = 0;
export const SETTING_FREQUENCY: u32 = 1;
export const SETTING_SITES: u32 = 2;
export const SETTING_VERIFY: u32 = 3;
export const SETTING_HEAP: u32 = 4;
export const SETTING_INTERVAL: u32 = 5;
export const SETTING_SEARCH: u32 = 6;
export const SETTING_OUTPUT: u32 = 7;
export const SETTING_ACCEPT: u32 = 8;
export const SETTING_COUNT: u32 = 9;

export const SETTING_OF_SERVER: u32 = 0;
export const SETTING_LIVE: u32 = 1;
export const SETTING_AT_START: u32 = 2;

export const SITES_MIN: u32 = 64;
export const SITES_MAX: u32 = 65408;
export const SITES_DEFAULT: u32 = 4096;
