// SPDX-License-Identifier: Apache-2.0
//
// Errors that a user can put right: their message is all that is shown of them, and the exit code is 2.

export class UsageError extends Error {}

/** A file that could be read and holds no dump. */
export class NoDump extends UsageError {}

/** A file that holds a dump of which nothing can be read. The exit code is 1: it must not pass for a server in which nothing is in use. */
export class UnreadableDump extends UsageError {}
