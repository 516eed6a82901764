/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "owner/walk.h"

#include <stddef.h>
#include <string.h>
#include <unwind.h>

#include "core/instance.h"
#include "base/compiler.h"
#include "base/hash.h"
#include "base/atomic.h"

/* How a frame is left whose return address is known. Offsets are in words. */
struct rule {
  bool known;
  bool site;          /* the walk ends here */
  bool strange;       /* of another form: the unwinder's */
  bool from_bp;       /* the caller's sp is counted from bp, else from sp */
  uint16_t to_caller; /* words from there to the caller's sp */
  uint16_t bp_below;  /* words from the caller's sp down to its bp; 0: it is unchanged */
};

/* Where a walk is. */
struct place {
  uintptr_t ip, sp, bp;
};

#define STACK_MAX (1u << 20) /* bytes between the plugin's calls on one stack: a network thread's is as large */

/* What this thread's stack is known to reach up to, and walks that were the unwinder's. */
static __thread struct {
  uintptr_t reached;
  uint64_t slow;
} thread MT_INITIAL_EXEC;

/* By return address, the newest one of a place. Two words, the first of which tells both: what two threads have mixed up is no
   address that anyone asks for. (Hyatt and Mann, "A lockless transposition table implementation for parallel search", 2002.) */
#define RULES 4096u /* a power of two */
static struct {
  uint64_t both, rule;
} rules[RULES];

#define KNOWN_     1u
#define SITE_      2u
#define STRANGE_   4u
#define FROM_BP_   8u
#define BP_SHIFT_  16
#define OUT_SHIFT_ 32

static inline uint32_t
index_of(uintptr_t ip)
{
  return ip * MEMTRACK_HASH_FACTOR >> 52 & (RULES - 1);
}

/* Of what is mixed up, no two addresses that lie near to each other are to make a third. */
static inline uint64_t
tell_both(uintptr_t ip, uint64_t word)
{
  return ip ^ word * MEMTRACK_HASH_FACTOR;
}

static inline struct rule
look_up(uintptr_t ip)
{
  uint32_t at   = index_of(ip);
  uint64_t word = memtrack_load(&rules[at].rule);
  if (memtrack_load(&rules[at].both) != tell_both(ip, word)) {
    word = 0;
  }
  return (struct rule){.known     = word & KNOWN_,
                       .site      = word & SITE_,
                       .strange   = word & STRANGE_,
                       .from_bp   = word & FROM_BP_,
                       .bp_below  = word >> BP_SHIFT_,
                       .to_caller = word >> OUT_SHIFT_};
}

/* How often all was forgotten. What was learned meanwhile may be of before. */
static uint64_t forgotten;

/* `since`: `forgotten` when it began to be learned. */
static void
keep(uintptr_t ip, struct rule rule, uint64_t since)
{
  uint32_t at   = index_of(ip);
  uint64_t word = KNOWN_ | (rule.site ? SITE_ : 0) | (rule.strange ? STRANGE_ : 0) | (rule.from_bp ? FROM_BP_ : 0) |
                  (uint64_t)rule.bp_below << BP_SHIFT_ | (uint64_t)rule.to_caller << OUT_SHIFT_;
  memtrack_store(&rules[at].both, tell_both(ip, word));
  memtrack_store_ordered(&rules[at].rule, word);
  if (memtrack_load_ordered(&forgotten) != since) {
    memtrack_store(&rules[at].rule, 0);
  }
}

void
memtrack_walk_forget(void)
{
  memtrack_add_ordered(&forgotten, 1);
  for (uint32_t at = 0; at < RULES; ++at) {
    memtrack_store(&rules[at].both, 0);
    memtrack_store(&rules[at].rule, 0);
  }
}

uint64_t
memtrack_walk_slow_count(void)
{
  return thread.slow;
}

/* One frame up. False where that would lead out of what is known to be stack. */
MT_NO_ADDRESS_SANITIZER static inline bool
leave(struct place *place, struct rule rule, uintptr_t end)
{
  uintptr_t sp = (rule.from_bp ? place->bp : place->sp) + (uintptr_t)rule.to_caller * sizeof(uintptr_t);
  if (sp <= place->sp || sp > end || sp % sizeof(uintptr_t)) {
    return false;
  }
  const uintptr_t *words = (const uintptr_t *)sp;
  /* bp stands in the frame that is left, so above its sp. */
  if (rule.bp_below) {
    if ((uintptr_t)(words - rule.bp_below) < place->sp) {
      return false;
    }
    place->bp = words[-(ptrdiff_t)rule.bp_below];
  }
  place->ip = words[-1];
  place->sp = sp;
  return true;
}

#if defined(__x86_64__)

/* ---- the tables: DWARF 5, section 6.4, as the ABI's .eh_frame has it ---- */

enum { BP = 6, SP = 7, IP = 16 }; /* registers' numbers there */

struct bases {
  void *text, *data, *function;
};
extern const uint8_t *_Unwind_Find_FDE(void *address, struct bases *bases);

struct reader {
  const uint8_t *at, *end;
  bool strange; /* something that is not understood: all that comes after it is not either */
};

static uint64_t
read_number(struct reader *reader, unsigned size)
{
  uint64_t number = 0;
  if ((size_t)(reader->end - reader->at) < size) {
    reader->strange = true;
    return 0;
  }
  memcpy(&number, reader->at, size);
  reader->at += size;
  return number;
}

static uint64_t
read_leb(struct reader *reader, bool is_signed)
{
  uint64_t number = 0;
  unsigned shift  = 0;
  uint8_t byte;
  do {
    byte = read_number(reader, 1);
    number |= shift < 64 ? (uint64_t)(byte & 0x7f) << shift : 0;
    shift += 7;
  } while (byte & 0x80);
  return is_signed && shift < 64 && (byte & 0x40) ? number | ~0ull << shift : number;
}

#define UNSIGNED(reader) read_leb(reader, false)
#define SIGNED(reader)   ((int64_t)read_leb(reader, true))

static void
skip(struct reader *reader, uint64_t size)
{
  if ((uint64_t)(reader->end - reader->at) < size) {
    reader->strange = true;
    return;
  }
  reader->at += size;
}

/* What is known of a register of the caller's: 0 unchanged, below 0 where it stands (bytes from the caller's sp). */
#define ELSEWHERE INT64_MAX

struct row {
  uint64_t cfa_register;
  int64_t cfa_offset, bp, ip;
};

struct cie {
  uint64_t code_factor;
  int64_t data_factor;
  struct row first;
};

static void
set(struct row *row, uint64_t reg, int64_t where)
{
  if (reg == BP) {
    row->bp = where;
  } else if (reg == IP) {
    row->ip = where;
  } else if (reg == SP) {
    row->cfa_register = ELSEWHERE; /* sp is not the frame's address: never seen */
  }
}

static int64_t
get(const struct row *row, uint64_t reg)
{
  return reg == BP ? row->bp : reg == IP ? row->ip : 0;
}

/* Carries the instructions out up to those for `length` bytes of the function and more. */
static void
run(struct reader *reader, const struct cie *cie, uint64_t length, struct row *row)
{
  struct row remembered[8];
  unsigned depth = 0;
  uint64_t at    = 0, reg;
  while (reader->at < reader->end && !reader->strange) {
    uint8_t code = read_number(reader, 1), low = code & 0x3f;
    switch (code & 0xc0 ? code & 0xc0 : code) {
    case 0x40: /* advance_loc */
      at += low * cie->code_factor;
      break;
    case 0x80: /* offset */
      set(row, low, (int64_t)UNSIGNED(reader) * cie->data_factor);
      break;
    case 0xc0: /* restore */
      set(row, low, get(&cie->first, low));
      break;
    case 0x00: /* nop */
      break;
    case 0x02: /* advance_loc1, 2, 4 */
    case 0x03:
    case 0x04:
      at += read_number(reader, 1u << (code - 2)) * cie->code_factor;
      break;
    case 0x05: /* offset_extended */
      reg = UNSIGNED(reader);
      set(row, reg, (int64_t)UNSIGNED(reader) * cie->data_factor);
      break;
    case 0x11: /* offset_extended_sf */
      reg = UNSIGNED(reader);
      set(row, reg, SIGNED(reader) * cie->data_factor);
      break;
    case 0x06: /* restore_extended */
      reg = UNSIGNED(reader);
      set(row, reg, get(&cie->first, reg));
      break;
    case 0x08: /* same_value */
      set(row, UNSIGNED(reader), 0);
      break;
    case 0x07: /* undefined */
      set(row, UNSIGNED(reader), ELSEWHERE);
      break;
    case 0x09: /* register */
      set(row, UNSIGNED(reader), ELSEWHERE);
      UNSIGNED(reader);
      break;
    case 0x10: /* expression, val_expression */
    case 0x16:
      set(row, UNSIGNED(reader), ELSEWHERE);
      skip(reader, UNSIGNED(reader));
      break;
    case 0x0a: /* remember_state */
      if (depth == sizeof(remembered) / sizeof(remembered[0])) {
        reader->strange = true;
        return;
      }
      remembered[depth++] = *row;
      break;
    case 0x0b: /* restore_state */
      if (depth == 0) {
        reader->strange = true;
        return;
      }
      *row = remembered[--depth];
      break;
    case 0x0c: /* def_cfa */
      row->cfa_register = UNSIGNED(reader);
      row->cfa_offset   = UNSIGNED(reader);
      break;
    case 0x0d: /* def_cfa_register */
      row->cfa_register = UNSIGNED(reader);
      break;
    case 0x0e: /* def_cfa_offset */
      row->cfa_offset = UNSIGNED(reader);
      break;
    case 0x0f: /* def_cfa_expression */
      row->cfa_register = ELSEWHERE;
      skip(reader, UNSIGNED(reader));
      break;
    case 0x2e: /* GNU_args_size */
      UNSIGNED(reader);
      break;
    default:
      reader->strange = true;
    }
    if (at > length) {
      reader->at = reader->end; /* what comes is for later instructions, and this one did not change the row */
    }
  }
}

/* Bytes of a pointer that is stored in this way; 0 where that is not known. */
static unsigned
pointer_size(uint8_t encoding)
{
  switch (encoding & 0x0f) {
  case 0x03:
  case 0x0b:
    return 4;
  case 0x00:
  case 0x04:
  case 0x0c:
    return encoding < 0x50 || encoding >= 0x80 ? 8 : 0;
  default:
    return 0;
  }
}

/* Reads a CIE up to its first row. Returns the bytes of a pointer in its FDEs, 0 where it is not understood. */
static unsigned
read_cie(const uint8_t *at, struct cie *cie)
{
  uint32_t length;
  memcpy(&length, at, sizeof(length));
  struct reader reader = {.at = at + 4, .end = at + 4 + length};
  unsigned pointer     = 8;
  if (length >= 0xfffffff0 || read_number(&reader, 4) != 0) {
    return 0;
  }
  uint8_t version          = read_number(&reader, 1);
  const char *augmentation = (const char *)reader.at;
  size_t letters           = strnlen(augmentation, reader.end - reader.at);
  skip(&reader, letters + 1);
  cie->code_factor = UNSIGNED(&reader);
  cie->data_factor = SIGNED(&reader);
  uint64_t returns = version == 1 ? read_number(&reader, 1) : UNSIGNED(&reader);
  if ((version != 1 && version != 3) || augmentation[0] != 'z' || returns != IP) {
    return 0;
  }
  uint64_t size            = UNSIGNED(&reader);
  struct reader letters_of = reader;
  skip(&reader, size);
  for (size_t i = 1; i < letters; ++i) {
    uint8_t encoding = read_number(&letters_of, 1);
    switch (augmentation[i]) {
    case 'R':
      pointer = pointer_size(encoding);
      break;
    case 'P':
      if (!pointer_size(encoding)) {
        return 0;
      }
      skip(&letters_of, pointer_size(encoding));
      break;
    case 'L':
      break;
    default: /* S: a signal's frame */
      return 0;
    }
  }
  cie->first = (struct row){.cfa_register = ELSEWHERE, .ip = ELSEWHERE};
  run(&reader, cie, UINT64_MAX, &cie->first);
  return reader.strange || letters_of.strange ? 0 : pointer;
}

/* Reads the rule of a return address. */
static struct rule
read_rule(uintptr_t ip)
{
  struct rule strange = {.known = true, .strange = true};
  struct bases bases;
  struct cie cie;
  const uint8_t *fde = _Unwind_Find_FDE((void *)(ip - 1), &bases);
  uint32_t length, back;
  if (!fde) {
    return strange;
  }
  memcpy(&length, fde, sizeof(length));
  memcpy(&back, fde + 4, sizeof(back));
  unsigned pointer = length < 0xfffffff0 ? read_cie(fde + 4 - back, &cie) : 0;
  if (pointer == 0) {
    return strange;
  }
  struct reader reader = {.at = fde + 8, .end = fde + 4 + length};
  skip(&reader, 2 * pointer);
  skip(&reader, UNSIGNED(&reader));
  struct row row = cie.first;
  run(&reader, &cie, ip - 1 - (uintptr_t)bases.function, &row);
  if (reader.strange || (row.cfa_register != SP && row.cfa_register != BP) || row.ip != -(int64_t)sizeof(uintptr_t) ||
      row.cfa_offset < (int64_t)sizeof(uintptr_t) || row.cfa_offset % sizeof(uintptr_t) ||
      row.cfa_offset / sizeof(uintptr_t) > UINT16_MAX || row.bp > 0 || row.bp % (int64_t)sizeof(uintptr_t) ||
      -row.bp / (int64_t)sizeof(uintptr_t) > UINT16_MAX) {
    return strange;
  }
  return (struct rule){.known     = true,
                       .from_bp   = row.cfa_register == BP,
                       .to_caller = row.cfa_offset / sizeof(uintptr_t),
                       .bp_below  = -row.bp / (int64_t)sizeof(uintptr_t)};
}

#else

enum { BP = 6 };

static struct rule
read_rule(uintptr_t ip)
{
  (void)ip;
  return (struct rule){.known = true, .strange = true};
}

#endif

/* ---- the unwinder ---- */

struct walk {
  bool (*is_site)(uintptr_t address);
  uintptr_t found;
  int depth;
  bool learns;
  uint64_t since;
  struct place place; /* the frame before; its ip is 0 at first */
};

/* The unwinder went from one frame to the next. Keeps its rule where that leads there too. */
static void
learn(struct place from, const struct place *to, uint64_t since)
{
  struct rule rule = look_up(from.ip);
  uintptr_t ip     = from.ip;
  if (rule.known) {
    return;
  }
  rule = read_rule(ip);
  if (!rule.strange && (!leave(&from, rule, to->sp) || memcmp(&from, to, sizeof(from)) != 0)) {
    rule = (struct rule){.known = true, .strange = true};
  }
  keep(ip, rule, since);
}

static _Unwind_Reason_Code
look_at_frame(struct _Unwind_Context *context, void *data)
{
  struct walk *walk  = data;
  struct place place = {.ip = _Unwind_GetIP(context), .sp = _Unwind_GetCFA(context), .bp = 0};
  if (walk->learns) {
    place.bp = _Unwind_GetGR(context, BP);
    if (walk->place.ip && place.ip) {
      learn(walk->place, &place, walk->since);
    }
    walk->place = place;
  }
  if (place.ip && walk->is_site(place.ip)) {
    walk->found = place.ip;
    if (walk->learns) {
      keep(place.ip, (struct rule){.site = true}, walk->since);
    }
    return _URC_END_OF_STACK;
  }
  return place.ip == 0 || ++walk->depth == MEMTRACK_WALK_DEPTH ? _URC_END_OF_STACK : _URC_NO_REASON;
}

MT_NOINLINE uintptr_t
memtrack_walk_slowly(bool (*is_site)(uintptr_t address), uintptr_t otherwise)
{
  struct walk walk = {.is_site = is_site, .found = otherwise, .depth = -1}; /* this function itself */
  _Unwind_Backtrace(look_at_frame, &walk);
  return walk.found;
}

static MT_NOINLINE uintptr_t
walk_and_learn(bool (*is_site)(uintptr_t address), uintptr_t otherwise)
{
  struct walk walk = {.is_site = is_site, .found = otherwise, .depth = -2, .learns = true}; /* this function, memtrack_walk() */
  walk.since       = memtrack_load_ordered(&forgotten);
  ++thread.slow;
  _Unwind_Backtrace(look_at_frame, &walk);
  /* The highest so far, but not that of another stack: a coroutine has its own. */
  if (walk.place.sp > thread.reached || thread.reached - walk.place.sp > STACK_MAX) {
    thread.reached = walk.place.sp;
  }
  return walk.found;
}

/* Its own frame has a bp, whatever the options: it asks for its address. */
MT_HOT MT_NOINLINE MT_NO_ADDRESS_SANITIZER uintptr_t
memtrack_walk(bool (*is_site)(uintptr_t address), uintptr_t otherwise)
{
#if defined(__x86_64__)
  const uintptr_t *frame = __builtin_frame_address(0);
  struct place place     = {.ip = frame[1], .sp = (uintptr_t)(frame + 2), .bp = frame[0]};
  uintptr_t end          = thread.reached;
  for (int depth = 0;; ++depth) {
    struct rule rule = look_up(place.ip);
    if (rule.site) {
      return place.ip;
    }
    if (depth == MEMTRACK_WALK_DEPTH - 1) {
      return otherwise;
    }
    if (!rule.known || rule.strange || !leave(&place, rule, end)) {
      break;
    }
  }
#endif
  return walk_and_learn(is_site, otherwise);
}
