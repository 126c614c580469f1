#pragma once
// What simulated code has open of the host's files. It is closed when the execution is over: a program that ends, or a
// host that is killed, closes nothing.

#include <dirent.h>

#include <cstdio>

namespace foreseed {

/// To be called with each result of a call that opens, from anywhere; give it back.
int opened_on_host(int fd);
FILE* opened_on_host(FILE* stream);
DIR* opened_on_host(DIR* stream);

/// To be called before it is closed, or becomes part of a stream.
void closed_on_host(int fd);
void closed_on_host(FILE* stream);
void closed_on_host(DIR* stream);

}  // namespace foreseed
