// SPDX-License-Identifier: Apache-2.0
//
// The value of the header's key `exhausted`: each limit that was reached, as NAME:TIMES, separated by commas; `-` if none was.

import { LIMIT_COUNT } from "../abi";
import { COLON, COMMA, DASH } from "../base/chars";
import { ascii, byte, unsigned } from "../base/writer";
import { refusalsOf } from "../model/limits";
import { limitName } from "./labels";

export function writeExhausted(): void {
  let any = false;
  for (let limit: u32 = 0; limit < LIMIT_COUNT; ++limit) {
    const times = refusalsOf(limit);
    if (!times) continue;
    if (any) byte(COMMA);
    any = true;
    ascii(limitName(limit));
    byte(COLON);
    unsigned(times);
  }
  if (!any) byte(DASH);
}
