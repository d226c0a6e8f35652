#pragma once
#include <map>
#include <string>

/// How often each letter is in the text.
std::map<char, int> count_letters(const std::string& text);
