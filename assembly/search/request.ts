// SPDX-License-Identifier: Apache-2.0
//
// What the search asks of the host after a pass. The host calls nextRequest() until that returns REQUEST_NONE, and answers each request.

import { REQUEST_NONE } from "../abi";

let address: u64 = 0;
let length: u32 = 0;

/** What the search needs next, REQUEST_... */
export function nextRequest(): u32 {
  return REQUEST_NONE;
}

/** The address that the last request is about. */
export function requestAddress(): u64 {
  return address;
}

/** Bytes to read into the window. */
export function requestLength(): u32 {
  return length;
}

/** Answers REQUEST_READ: 1 if the window holds the memory, 0 if it could not be read. */
export function answerRequest(ok: u32): void {
  if (!ok) length = 0;
}

/** Answers REQUEST_PLACE: the text in the input region has so many bytes; none if nothing is known of the address. */
export function answerPlace(textLength: u32): void {
  length = textLength;
}
