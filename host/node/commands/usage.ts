// SPDX-License-Identifier: Apache-2.0
//
// Messages for wrong usage, in one line: the value, what is allowed, and the help to read. Most replace the parser's texts through its
// locale. Those that take several lines, or blame the wrong argument, are rewritten here.

import { UsageError } from "../errors.ts";

/** Replacements for the parser's texts. Some have a singular and a plural. */
export const TEXTS: Record<string, string | { one: string; other: string }> = {
  "Missing required argument: %s": { one: "the option --%s is needed", other: "the options %s are needed" },
  "Unknown argument: %s": { one: "unknown option or argument: %s", other: "unknown options or arguments: %s" },
  "Not enough arguments following: %s": "--%s needs a value",
  "Arguments %s and %s are mutually exclusive": "--%s and --%s exclude each other",
  "Argument: %s, Given: %s, Choices: %s": "--%s is %s; it must be %s",
};

/** @param message the parser's message @param argv the arguments @param commands all commands, each with its arguments */
export function usageError(message: string, argv: readonly string[], commands: readonly string[]): UsageError {
  const word = argv.find((text) => !text.startsWith("-"));
  if (word === undefined) return new UsageError(`${message} (memtrack --help)`);
  if (word === "completion")
    return new UsageError("completion takes no argument: it prints a script for bash, or for zsh if $SHELL is zsh");
  const usage = commands.find((command) => command.split(" ")[0] === word);
  if (usage === undefined) {
    const [, meant] = /^Did you mean (.+)\?$/.exec(message) ?? [];
    return new UsageError(`there is no command "${word}"${meant ? `: did you mean ${meant}?` : ""} (memtrack --help lists them)`);
  }
  // A line that ends with a colon is a heading for the lines below it.
  const lines = message.split("\n").map((line) => line.trim());
  const said = lines.filter((line) => line && !line.endsWith(":")).join("; ");
  const what = said.startsWith("Not enough non-option arguments") ? `which file? memtrack ${usage}` : said;
  return new UsageError(`${what} (memtrack ${word} --help)`);
}
