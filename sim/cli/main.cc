#include <foreseed/main.h>

int main(int argc, char** argv) { return foreseed::foreseed_main(argc, argv); }
