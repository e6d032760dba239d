# FindOpenpccLlama - libllama, ggml and `common` as cmake/llama installs them: target openpcc::llama.
#
# OPENPCC_LLAMA_PREFIX points at the prefix. `./dev` passes it; by hand: `. dev.d/common.sh; . dev.d/llama.sh; llama_prefix`.
set(OPENPCC_LLAMA_PREFIX "$ENV{OPENPCC_LLAMA_PREFIX}" CACHE PATH "Prefix that cmake/llama was installed to (./dev setup makes one)")
if(NOT EXISTS "${OPENPCC_LLAMA_PREFIX}/openpcc-llama.txt")
  message(FATAL_ERROR "OPENPCC_LLAMA_PREFIX='${OPENPCC_LLAMA_PREFIX}' is no prefix with libllama. Run ./dev setup (or ./dev build), "
                      "or configure with -DOPENPCC_LLAMA=OFF to build without the embedded engine.")
endif()
find_package(Threads REQUIRED)
if(NOT TARGET openpcc::llama)
  add_library(openpcc_llama INTERFACE)
  target_include_directories(openpcc_llama SYSTEM INTERFACE ${OPENPCC_LLAMA_PREFIX}/include ${OPENPCC_LLAMA_PREFIX}/include/common)
  set(libraries openpcc_llama_common llama ggml openpcc_ggml_cpu ggml-base)
  list(TRANSFORM libraries REPLACE "(.+)" "${OPENPCC_LLAMA_PREFIX}/lib/lib\\1.a")
  # A group: ggml and its CPU backend use each other.
  target_link_libraries(openpcc_llama INTERFACE -Wl,--start-group ${libraries} -Wl,--end-group Threads::Threads ${CMAKE_DL_LIBS})
  add_library(openpcc::llama ALIAS openpcc_llama)
endif()
set(OpenpccLlama_FOUND TRUE)
