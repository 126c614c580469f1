#pragma once
// For variables and functions that the hot paths of several files share: told to be the library's own where they are
// declared (-fvisibility says so only of definitions), they are found without a look into the global offset table.

#define FORESEED_HIDDEN [[gnu::visibility("hidden")]]
