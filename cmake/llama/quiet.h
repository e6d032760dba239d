// quiet.h - included ahead of every source of `common` and of libllama: they print pieces of schemas and grammars and,
// where they parse answers, answers. Nothing of a request may reach a log, so here they cannot print at all.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>

#define fprintf(...) ((void)0)
#define printf(...) ((void)0)
