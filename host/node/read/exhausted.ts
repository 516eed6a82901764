// SPDX-License-Identifier: Apache-2.0
//
// The header's key `exhausted`: limits that have refused something, with the number of refusals.

import { count } from "../../shared/units.ts";
import type { Header } from "./dump.ts";

/** "thunks (12 times), modules (3 times)"; empty if no limit was reached, and for dumps without the key. */
export function exhaustedIn(header: Header): string {
  return [...(header.get("exhausted") ?? "").matchAll(/([a-z]+):(\d+)/g)]
    .map(([, name, times]) => `${name} (${times === "1" ? "once" : `${count(Number(times))} times`})`)
    .join(", ");
}
