// SPDX-License-Identifier: Apache-2.0
//
// The lines of a dump that begin with "memtrack": key=value pairs, one space between them, never a space in a key or a bare
// value; a value with spaces stands in double quotes. The first line is the header, and a reader may take it for the beginning of
// a dump; the last is "memtrack end", without which a dump is cut off. Keys are only ever added; format counts other changes.

import {
  DUMP_REASON_MESSAGE,
  DUMP_REASON_SIGNAL,
  DUMP_REASON_TIMER,
  FACT_ARMED,
  FACT_BUFFERS,
  FACT_DAMAGED,
  FACT_DUMP,
  FACT_HEAP,
  FACT_IOBUFFER,
  FACT_LEVEL,
  FACT_LOST,
  FACT_MEMORY,
  FACT_OPENSSL,
  FACT_PLUGINS,
  FACT_REASON,
  FACT_REFUSED_SITES,
  FACT_SHARDS,
  FACT_SITES,
  FACT_TIME,
  FACT_TRAPS,
  FACT_TWICE,
  FACT_UNTRACKED,
  HOOK_REFUSED,
  SITE_FIRST,
  TEXT_BUFFERS,
  TEXT_DIGEST,
  TEXT_IOBUFFER,
  TEXT_OPENSSL,
  TEXT_PLUGINS,
} from "../abi";
import { SLASH } from "../base/chars";
import { limit } from "../base/memory";
import { ascii, byte, copy, newline, unsigned, utc } from "../base/writer";
import { factOf, factText, factTextLength, level, verifying } from "../model/facts";
import { writeExhausted } from "./exhausted";
import { hookName } from "./labels";

const FORMAT: u32 = 1;

export function renderHeader(): void {
  ascii("memtrack format=");
  unsigned(FORMAT);
  number(" dump=", FACT_DUMP);
  ascii(" time=");
  utc(factOf(FACT_TIME));
  ascii(" reason=");
  ascii(reason(<u32>factOf(FACT_REASON)));
  number(" level=", FACT_LEVEL);
  number(" armed=", FACT_ARMED);
  ascii(" core=");
  text(TEXT_DIGEST);
  number(" shards=", FACT_SHARDS);
  number(" sites=", FACT_SITES);
  byte(SLASH);
  unsigned(limit - SITE_FIRST);
  number(" refused-sites=", FACT_REFUSED_SITES);
  ascii(" iobuffer=");
  ascii(hook(FACT_IOBUFFER));
  ascii(" openssl=");
  ascii(hook(FACT_OPENSSL));
  ascii(" plugins=");
  ascii(hook(FACT_PLUGINS));
  ascii(" buffers=");
  ascii(hook(FACT_BUFFERS));
  ascii(" heap=");
  ascii(hook(FACT_HEAP));
  ascii(verifying() ? " verify=on" : " verify=off");
  number(" lost=", FACT_LOST);
  number(" traps=", FACT_TRAPS);
  number(" damaged=", FACT_DAMAGED);
  if (factOf(FACT_TWICE) == u64.MAX_VALUE) ascii(" twice=-");
  else number(" twice=", FACT_TWICE);
  number(" untracked=", FACT_UNTRACKED);
  ascii(" exhausted=");
  writeExhausted();
  number(" memory=", FACT_MEMORY);
  newline();
  refusal(FACT_IOBUFFER, TEXT_IOBUFFER, "iobuffer");
  refusal(FACT_OPENSSL, TEXT_OPENSSL, "openssl");
  refusal(FACT_PLUGINS, TEXT_PLUGINS, "plugins");
  refusal(FACT_BUFFERS, TEXT_BUFFERS, "buffers");
  if (factOf(FACT_REFUSED_SITES)) {
    ascii('memtrack warning="the site table is full: new sites are counted as (other); ');
    ascii('raise proxy.config.plugin.memtrack.sites and restart"\n');
  }
  if (!level()) {
    ascii('memtrack note="nothing is tracked at level 0; set proxy.config.res_track_memory to 1 or 2"\n');
  }
}

export function renderEnd(rows: u32): void {
  number("\nmemtrack end dump=", FACT_DUMP);
  ascii(" rows=");
  unsigned(rows);
  newline();
}

function refusal(state: u32, why: u32, name: string): void {
  if (factOf(state) != HOOK_REFUSED) return;
  ascii("memtrack hook=");
  ascii(name);
  ascii(' state=refused reason="');
  text(why);
  ascii('"\n');
}

function reason(value: u32): string {
  if (value == DUMP_REASON_SIGNAL) return "signal";
  if (value == DUMP_REASON_TIMER) return "timer";
  if (value == DUMP_REASON_MESSAGE) return "message";
  return "other";
}

function hook(which: u32): string {
  return hookName(<u32>factOf(which));
}

function number(key: string, which: u32): void {
  ascii(key);
  unsigned(factOf(which));
}

function text(which: u32): void {
  copy(factText(which), factTextLength(which));
}
