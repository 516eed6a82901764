// SPDX-License-Identifier: Apache-2.0
//
// The lines of a dump that begin with "memtrack", except for the summary (summary.ts). They hold key=value pairs, separated by one space.
// Keys and unquoted values contain no space; a value with spaces is in double quotes. The first line, the header, marks the beginning of
// a dump; without the last line, "memtrack end", a dump is truncated. Keys are only added, never changed; any other change of the format
// increments the key `format`.

import { FACT_DUMP, FACT_REFUSED_SITES, GAP_NONE, HOOK_REFUSED, SETTING_LEVEL, SETTING_SITES, SITE_FIRST } from "../abi";
import { DASH, EQUALS, SLASH, SPACE } from "../base/chars";
import { limit } from "../base/memory";
import { ascii, byte, copy, newline, unsigned, utc } from "../base/writer";
import {
  FORM_FORMAT,
  FORM_HOOK,
  FORM_LIMITS,
  FORM_MAYBE,
  FORM_REASON,
  FORM_SITES,
  FORM_SWITCH,
  FORM_TEXT,
  FORM_TIME,
  FORMAT,
  HEADER_FORMS,
  HEADER_KEYS,
  HEADER_NUMBERS,
  HEADER_REFUSALS,
  NONE,
  SETTING_NAMES,
} from "../format";
import { factOf, factText, factTextLength, level } from "../model/facts";
import { lastingGap } from "../model/gaps";
import { writeExhausted } from "./exhausted";
import { writeGap } from "./gap";
import { dumpReasonName, hookName } from "./labels";

export function renderHeader(): void {
  ascii("memtrack");
  for (let i = 0; i < HEADER_KEYS.length; ++i) {
    byte(SPACE);
    ascii(unchecked(HEADER_KEYS[i]));
    byte(EQUALS);
    value(unchecked(HEADER_FORMS[i]), unchecked(HEADER_NUMBERS[i]));
  }
  newline();
}

/** Writes the lines below the summary: hooks that could not be installed, warnings, notes. */
export function renderNotes(): void {
  for (let i = 0; i < HEADER_KEYS.length; ++i) {
    const why = unchecked(HEADER_REFUSALS[i]);
    if (why != NONE && factOf(unchecked(HEADER_NUMBERS[i])) == HOOK_REFUSED) refusal(unchecked(HEADER_KEYS[i]), why);
  }
  if (factOf(FACT_REFUSED_SITES)) {
    ascii('memtrack warning="the site table is full: new sites are counted as (other); raise ');
    ascii(unchecked(SETTING_NAMES[SETTING_SITES]));
    ascii(' and restart"\n');
  }
  if (lastingGap() != GAP_NONE) {
    ascii('memtrack warning="');
    writeGap();
    ascii('"\n');
  }
  if (!level()) {
    ascii('memtrack note="nothing is tracked at level 0; set ');
    ascii(unchecked(SETTING_NAMES[SETTING_LEVEL]));
    ascii(' to 1 or 2"\n');
  }
}

export function renderEnd(rows: u32): void {
  ascii("\nmemtrack end dump=");
  unsigned(factOf(FACT_DUMP));
  ascii(" rows=");
  unsigned(rows);
  newline();
}

/** @param which FACT_..., or TEXT_... if `form` is FORM_TEXT */
function value(form: u32, which: u32): void {
  if (form == FORM_FORMAT) return unsigned(FORMAT);
  if (form == FORM_TEXT) return text(which);
  if (form == FORM_LIMITS) return writeExhausted();
  const fact = factOf(which);
  switch (form) {
    case FORM_TIME:
      return utc(fact);
    case FORM_REASON:
      return ascii(dumpReasonName(<u32>fact));
    case FORM_HOOK:
      return ascii(hookName(<u32>fact));
    case FORM_SWITCH:
      return ascii(fact ? "on" : "off");
  }
  if (form == FORM_MAYBE && fact == u64.MAX_VALUE) return byte(DASH);
  unsigned(fact);
  if (form != FORM_SITES) return;
  byte(SLASH);
  unsigned(limit - SITE_FIRST);
}

function refusal(hook: string, why: u32): void {
  ascii("memtrack hook=");
  ascii(hook);
  ascii(' state=refused reason="');
  text(why);
  ascii('"\n');
}

function text(which: u32): void {
  copy(factText(which), factTextLength(which));
}
