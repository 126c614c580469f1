#pragma once
// Marks what libforeseed.so shows to programs.

#define FORESEED_API __attribute__((visibility("default")))
