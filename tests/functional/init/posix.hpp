// What a tree answers to system calls, in the manner of pjdfstest.
#pragma once

#include <string>

/// Asks everything below `root` what reading and looking calls can ask, as root and as a user without rights,
/// then tries what must fail and what changes something. Prints a line for each call: "CALL PATH -> RESULT".
/// The order of a directory's names does not count.
int ask_tree(const std::string& root);
