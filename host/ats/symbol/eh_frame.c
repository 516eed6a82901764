/* SPDX-License-Identifier: Apache-2.0
 *
 * A module's tables describe each function (FDE); many functions share a common part (CIE). Each has a program whose instructions
 * produce rows; a row tells, for a place in the function, how to find the caller's registers. This file executes programs up to the
 * requested row. At the first construct that it does not support, it stops reading.
 */
#include "symbol/eh_frame.h"

#if defined(__x86_64__)

#include <dwarf.h>
#include <stddef.h>
#include <string.h>

enum { BP = MEMTRACK_FRAME_BP, SP = 7, IP = 16 };

#define LENGTH_64_BIT    0xfffffff0u /* lengths from here on announce the 64-bit format */
#define ROWS_SAVED_MAX   8
#define PRIMARY          0xc0u /* instructions with these bits have their operand in the others */
#define ENCODING_FORMAT  0x0fu /* bits of a pointer encoding that give its size */
#define WORD             ((int64_t)sizeof(uintptr_t))
#define REACH            (UINT16_MAX * WORD)
#define UNSIGNED(reader) read_leb(reader, false)
#define SIGNED(reader)   ((int64_t)read_leb(reader, true))

struct bases {
  void *text, *data, *function;
};
extern const uint8_t *_Unwind_Find_FDE(void *address, struct bases *bases);

struct reader {
  const uint8_t *at, *end;
  bool unsupported; /* an unsupported construct: neither it nor anything after it is read */
};

static uint64_t
read_number(struct reader *reader, unsigned size)
{
  uint64_t number = 0;
  if ((size_t)(reader->end - reader->at) < size) {
    reader->unsupported = true;
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

static void
skip(struct reader *reader, uint64_t size)
{
  if ((uint64_t)(reader->end - reader->at) < size) {
    reader->unsupported = true;
    return;
  }
  reader->at += size;
}

/* Locations of the caller's registers: 0 unchanged, below 0 in memory (bytes from the caller's sp). */
#define ELSEWHERE INT64_MAX

struct row {
  uint64_t cfa_register; /* base register of the caller's sp */
  int64_t cfa_offset, bp, ip;
};

struct cie {
  uint64_t code_factor;
  int64_t data_factor;
  unsigned pointer_size; /* size of pointers in its FDEs */
  struct row first;
};

/* Executes a program. */
struct machine {
  struct reader *reader;
  const struct cie *cie;
  struct row *row;
  uint64_t at; /* offset in the function from which the row is valid */
  struct row saved[ROWS_SAVED_MAX];
  unsigned saved_count;
};

static void
set(struct row *row, uint64_t reg, int64_t where)
{
  if (reg == BP) {
    row->bp = where;
  } else if (reg == IP) {
    row->ip = where;
  } else if (reg == SP) {
    row->cfa_register = ELSEWHERE; /* sp is not the frame's address: does not occur */
  }
}

static int64_t
get(const struct row *row, uint64_t reg)
{
  return reg == BP ? row->bp : reg == IP ? row->ip : 0;
}

/* Instructions that set the position of the row. Returns false for other kinds, as do the functions below. */
static bool
run_location(struct machine *machine, uint8_t code, uint8_t operand)
{
  switch (code) {
  case DW_CFA_advance_loc:
    machine->at += operand * machine->cie->code_factor;
    return true;
  case DW_CFA_advance_loc1:
  case DW_CFA_advance_loc2:
  case DW_CFA_advance_loc4:
    machine->at += read_number(machine->reader, 1u << (code - DW_CFA_advance_loc1)) * machine->cie->code_factor;
    return true;
  default:
    return false;
  }
}

/* Instructions for a register of the caller. */
static bool
run_register(struct machine *machine, uint8_t code, uint64_t reg)
{
  struct reader *reader = machine->reader;
  struct row *row       = machine->row;
  uint64_t factor       = (uint64_t)machine->cie->data_factor; /* unsigned: a damaged table must not overflow */
  switch (code) {
  case DW_CFA_offset_extended:
    reg = UNSIGNED(reader); /* fallthrough */
  case DW_CFA_offset:
    set(row, reg, (int64_t)(UNSIGNED(reader) * factor));
    return true;
  case DW_CFA_offset_extended_sf:
    reg = UNSIGNED(reader);
    set(row, reg, (int64_t)((uint64_t)SIGNED(reader) * factor));
    return true;
  case DW_CFA_restore_extended:
    reg = UNSIGNED(reader); /* fallthrough */
  case DW_CFA_restore:
    set(row, reg, get(&machine->cie->first, reg));
    return true;
  case DW_CFA_same_value:
    set(row, UNSIGNED(reader), 0);
    return true;
  case DW_CFA_undefined:
    set(row, UNSIGNED(reader), ELSEWHERE);
    return true;
  case DW_CFA_register:
    set(row, UNSIGNED(reader), ELSEWHERE);
    UNSIGNED(reader);
    return true;
  case DW_CFA_expression:
  case DW_CFA_val_expression:
    set(row, UNSIGNED(reader), ELSEWHERE);
    skip(reader, UNSIGNED(reader));
    return true;
  default:
    return false;
  }
}

/* Instructions for the caller's sp. */
static bool
run_cfa(struct machine *machine, uint8_t code)
{
  struct reader *reader = machine->reader;
  struct row *row       = machine->row;
  switch (code) {
  case DW_CFA_def_cfa:
    row->cfa_register = UNSIGNED(reader);
    row->cfa_offset   = UNSIGNED(reader);
    return true;
  case DW_CFA_def_cfa_register:
    row->cfa_register = UNSIGNED(reader);
    return true;
  case DW_CFA_def_cfa_offset:
    row->cfa_offset = UNSIGNED(reader);
    return true;
  case DW_CFA_def_cfa_expression:
    row->cfa_register = ELSEWHERE;
    skip(reader, UNSIGNED(reader));
    return true;
  default:
    return false;
  }
}

/* Instructions for the whole row, and instructions without effect here. */
static bool
run_row(struct machine *machine, uint8_t code)
{
  switch (code) {
  case DW_CFA_nop:
    return true;
  case DW_CFA_GNU_args_size:
    UNSIGNED(machine->reader);
    return true;
  case DW_CFA_remember_state:
    if (machine->saved_count == ROWS_SAVED_MAX) {
      return false;
    }
    machine->saved[machine->saved_count++] = *machine->row;
    return true;
  case DW_CFA_restore_state:
    if (machine->saved_count == 0) {
      return false;
    }
    *machine->row = machine->saved[--machine->saved_count];
    return true;
  default:
    return false;
  }
}

/* Executes the instructions up to the row for `length` bytes of the function. */
static void
run(struct reader *reader, const struct cie *cie, uint64_t length, struct row *row)
{
  struct machine machine;
  machine.reader      = reader;
  machine.cie         = cie;
  machine.row         = row;
  machine.at          = 0;
  machine.saved_count = 0;
  while (reader->at < reader->end && !reader->unsupported) {
    uint8_t byte = read_number(reader, 1), operand = byte & ~PRIMARY;
    uint8_t code = byte & PRIMARY ? byte & PRIMARY : byte;
    if (!run_location(&machine, code, operand) && !run_register(&machine, code, operand) && !run_cfa(&machine, code) &&
        !run_row(&machine, code)) {
      reader->unsupported = true;
    }
    if (machine.at > length) {
      reader->at = reader->end; /* the remaining instructions apply further on, and this one did not change the row */
    }
  }
}

/* Size of a pointer with this encoding; 0 if it is unknown. */
static unsigned
pointer_size(uint8_t encoding)
{
  switch (encoding & ENCODING_FORMAT) {
  case DW_EH_PE_udata4:
  case DW_EH_PE_sdata4:
    return 4;
  case DW_EH_PE_absptr:
  case DW_EH_PE_udata8:
  case DW_EH_PE_sdata8:
    return encoding < DW_EH_PE_aligned || encoding >= DW_EH_PE_indirect ? 8 : 0;
  default:
    return 0;
  }
}

/* Reads the data announced by the letters of a CIE's augmentation. Returns false for an unsupported letter; 'S', a signal's
   frame, is unsupported. */
static bool
read_augmentation(struct reader reader, const char *letters, size_t count, struct cie *cie)
{
  for (size_t i = 0; i < count; ++i) {
    uint8_t encoding = letters[i] == 'R' || letters[i] == 'P' || letters[i] == 'L' ? read_number(&reader, 1) : 0;
    unsigned size    = pointer_size(encoding);
    switch (letters[i]) {
    case 'R': /* encoding of pointers in FDEs */
      cie->pointer_size = size;
      break;
    case 'P': /* the personality routine */
      if (size == 0) {
        return false;
      }
      skip(&reader, size);
      break;
    case 'L': /* encoding of pointers to exception tables */
      break;
    default:
      return false;
    }
  }
  return !reader.unsupported && cie->pointer_size != 0;
}

/* Reads a CIE up to its first row. Returns false if it is unsupported. */
static bool
read_cie(const uint8_t *at, struct cie *cie)
{
  uint32_t length;
  memcpy(&length, at, sizeof(length));
  struct reader reader = {.at = at + sizeof(length), .end = at + sizeof(length) + length};
  if (length >= LENGTH_64_BIT || read_number(&reader, 4) != 0) {
    return false;
  }
  uint8_t version     = read_number(&reader, 1);
  const char *letters = (const char *)reader.at;
  size_t count        = strnlen(letters, reader.end - reader.at);
  skip(&reader, count + 1);
  *cie             = (struct cie){.pointer_size = sizeof(void *), .first = {.cfa_register = ELSEWHERE, .ip = ELSEWHERE}};
  cie->code_factor = UNSIGNED(&reader);
  cie->data_factor = SIGNED(&reader);
  uint64_t returns = version == 1 ? read_number(&reader, 1) : UNSIGNED(&reader);
  if ((version != 1 && version != 3) || count == 0 || letters[0] != 'z' || returns != IP) {
    return false;
  }
  uint64_t size = UNSIGNED(&reader);
  if (!read_augmentation(reader, letters + 1, count - 1, cie)) {
    return false;
  }
  skip(&reader, size);
  struct row row = cie->first;
  run(&reader, cie, UINT64_MAX, &row);
  cie->first = row;
  return !reader.unsupported;
}

/* Whether a row has the supported form, and its offsets fit. */
static bool
is_simple(const struct row *row)
{
  return (row->cfa_register == SP || row->cfa_register == BP) && row->ip == -WORD && row->cfa_offset >= WORD &&
         row->cfa_offset <= REACH && row->cfa_offset % WORD == 0 && row->bp <= 0 && row->bp >= -REACH && row->bp % WORD == 0;
}

/* Finds the FDE and the CIE of the function that contains an address. The reader is then at the function's range. Returns false if
   there are none, or if they are unsupported. */
static bool
find_function(uintptr_t address, struct bases *bases, struct cie *cie, struct reader *reader)
{
  uint32_t length, back;
  const uint8_t *fde = _Unwind_Find_FDE((void *)address, bases);
  if (!fde) {
    return false;
  }
  memcpy(&length, fde, sizeof(length));
  memcpy(&back, fde + sizeof(length), sizeof(back));
  *reader = (struct reader){.at = fde + sizeof(length) + sizeof(back), .end = fde + sizeof(length) + length};
  return length < LENGTH_64_BIT && read_cie(fde + sizeof(length) - back, cie);
}

bool
memtrack_eh_frame_function(uintptr_t address, uintptr_t *from, uintptr_t *to)
{
  struct bases bases;
  struct cie cie;
  struct reader reader;
  if (!find_function(address, &bases, &cie, &reader)) {
    return false;
  }
  skip(&reader, cie.pointer_size);
  *from = (uintptr_t)bases.function;
  *to   = *from + read_number(&reader, cie.pointer_size);
  return !reader.unsupported && *to > *from;
}

bool
memtrack_eh_frame_read(uintptr_t ip, struct memtrack_frame *frame)
{
  struct bases bases;
  struct cie cie;
  struct reader reader;
  if (!find_function(ip - 1, &bases, &cie, &reader)) { /* of the call, not of the instruction after it */
    return false;
  }
  skip(&reader, 2 * (uint64_t)cie.pointer_size);
  skip(&reader, UNSIGNED(&reader));
  struct row row = cie.first;
  run(&reader, &cie, ip - 1 - (uintptr_t)bases.function, &row);
  if (reader.unsupported || !is_simple(&row)) {
    return false;
  }
  *frame =
    (struct memtrack_frame){.from_bp = row.cfa_register == BP, .to_caller = row.cfa_offset / WORD, .bp_below = -row.bp / WORD};
  return true;
}

#else

bool
memtrack_eh_frame_read(uintptr_t ip, struct memtrack_frame *frame)
{
  (void)ip;
  (void)frame;
  return false;
}

bool
memtrack_eh_frame_function(uintptr_t address, uintptr_t *from, uintptr_t *to)
{
  (void)address;
  (void)from;
  (void)to;
  return false;
}

#endif
