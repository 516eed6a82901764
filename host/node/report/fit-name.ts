// SPDX-License-Identifier: Apache-2.0
//
// Cuts a site's short name (host/shared/place.ts) to the width of a column: the owner and the source line stay, the middle of the function's
// name goes.

import { cut, width } from "./text.ts";

/** A source line or an offset, and a mark after it: ` [retired]`, ` (new)`, ` (gone)`. */
const TAIL = /(?: \([^()]*:\d+\)|\+0x[\da-f]+(?: calls .+?)?|[^/ ]*:\d+)?(?: \[retired\])?(?: \((?:new|gone)\))?$/;
/** With fewer columns, nothing of the function's name is shown. */
const FUNCTION_MIN = 6;
const NOTHING = " …";

export function fitName(name: string, owner: string, columns: number): string {
  if (width(name) <= columns) return name;
  const room = columns - width(owner);
  // No cut of so narrow a column is readable.
  if (room < FUNCTION_MIN) return cut(name, columns, "middle");
  const rest = name.slice(owner.length);
  const [tail] = TAIL.exec(rest)!;
  const left = room - width(tail);
  const middle = rest.slice(0, rest.length - tail.length);
  if (left >= FUNCTION_MIN) return owner + cut(middle, left, "middle") + tail;
  return owner + (left >= NOTHING.length ? NOTHING + tail : cut(rest, room, "start"));
}
