// quiet.h - included ahead of every source of `common`: it prints pieces of schemas and, where it parses answers,
// answers. Nothing of a request may reach a log, so here it cannot print at all.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>

#define fprintf(...) ((void)0)
#define printf(...) ((void)0)
