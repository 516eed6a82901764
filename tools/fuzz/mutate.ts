// SPDX-License-Identifier: Apache-2.0
//
// Changes an input at random: bytes, pieces, words of the format, numbers, lines.

type Random = (n: number) => number;

export const INPUT_MAX = 64 * 1024;

const NUMBERS = ["0", "-1", "1", "65536", "2147483648", "4294967295", "9007199254740992", "9223372036854775807", "1e308", ""];

/** A changed copy: a few changes, most often one. */
export function mutated(input: Buffer, other: Buffer, words: string[], random: Random): Buffer {
  let result = input;
  do result = CHANGES[random(CHANGES.length)]!(result, other, words, random);
  while (random(3));
  return result.subarray(0, INPUT_MAX);
}

type Change = (input: Buffer, other: Buffer, words: string[], random: Random) => Buffer;

const CHANGES: Change[] = [
  // A byte, or a bit of it.
  (input, _other, _words, random) => {
    const copy = Buffer.from(input);
    if (copy.length) copy[random(copy.length)]! ^= random(2) ? 1 << random(8) : random(256);
    return copy;
  },
  // A piece is left out.
  (input, _other, _words, random) => {
    const [from, to] = piece(input, random);
    return Buffer.concat([input.subarray(0, from), input.subarray(to)]);
  },
  // A piece of this or of another input is inserted.
  (input, other, _words, random) => {
    const from = random(2) ? other : input;
    const at = random(input.length + 1);
    return Buffer.concat([input.subarray(0, at), from.subarray(...piece(from, random)), input.subarray(at)]);
  },
  // A word.
  (input, _other, words, random) => {
    const at = random(input.length + 1);
    return Buffer.concat([input.subarray(0, at), Buffer.from(words[random(words.length)]!), input.subarray(at)]);
  },
  // A number gets another value.
  (input, _other, _words, random) => {
    const text = input.toString("latin1");
    const numbers = [...text.slice(0, 4096).matchAll(/\d+/g)];
    const found = numbers[random(numbers.length || 1)];
    if (!found) return input;
    const [after] = [found.index + found[0].length];
    return Buffer.from(text.slice(0, found.index) + NUMBERS[random(NUMBERS.length)]! + text.slice(after), "latin1");
  },
  // A line is repeated, left out, or moved.
  (input, _other, _words, random) => {
    const lines = input.toString("latin1").split("\n");
    const [line] = lines.splice(random(lines.length), 1);
    for (let copies = random(3); copies > 0; --copies) lines.splice(random(lines.length + 1), 0, line!);
    return Buffer.from(lines.join("\n"), "latin1");
  },
  // The end is lost.
  (input, _other, _words, random) => input.subarray(0, random(input.length + 1)),
];

function piece(input: Buffer, random: Random): [from: number, to: number] {
  const from = random(input.length + 1);
  const length = random(4) ? random(64) : random(input.length + 1);
  return [from, Math.min(input.length, from + length)];
}
