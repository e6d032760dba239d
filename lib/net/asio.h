// asio.h - the one place that includes Boost.Asio, and the types of lib/net's coroutines.
//
// Executors are concrete (no type erasure): every object belongs to one io_context that one thread runs, so nothing
// here locks and nothing needs a strand. Include it in .cc files and in headers of lib/net only.
#pragma once

#include <utility>  // Boost 1.74 uses std::exchange without including it

// Clang 19 has coroutines in the standard library; Boost 1.74 looks for the experimental header on clang.
#if defined(__clang__)
#ifndef BOOST_ASIO_HAS_CO_AWAIT
#define BOOST_ASIO_HAS_CO_AWAIT 1
#endif
#ifndef BOOST_ASIO_HAS_STD_COROUTINE
#define BOOST_ASIO_HAS_STD_COROUTINE 1
#endif
#endif

// Asio allocates coroutine frames by a class-level operator new that g++ inlines only in part; the warning is wrong and
// appears where a coroutine ends, so it stays off for the rest of a file that includes this one.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>

#include "base/result.h"

namespace openpcc::net {

namespace asio = boost::asio;
using Executor = asio::io_context::executor_type;
template <typename T>
using Task = asio::awaitable<T, Executor>;
inline constexpr asio::use_awaitable_t<Executor> kAwait{};

using Clock = std::chrono::steady_clock;
using TcpSocket = asio::basic_stream_socket<asio::ip::tcp, Executor>;
using LocalSocket = asio::basic_stream_socket<asio::local::stream_protocol, Executor>;
using TcpAcceptor = asio::basic_socket_acceptor<asio::ip::tcp, Executor>;
using Timer = asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, Executor>;

}  // namespace openpcc::net

// OPENPCC_TRY and OPENPCC_TRY_STATUS for coroutines.
#define OPENPCC_CO_TRY(declaration, expression)                                              \
  auto OPENPCC_CONCAT(openpcc_result_, __LINE__) = (expression);                             \
  if (!OPENPCC_CONCAT(openpcc_result_, __LINE__)) {                                          \
    co_return std::unexpected(std::move(OPENPCC_CONCAT(openpcc_result_, __LINE__)).error()); \
  }                                                                                          \
  declaration = std::move(*OPENPCC_CONCAT(openpcc_result_, __LINE__))
#define OPENPCC_CO_TRY_STATUS(expression)                           \
  do {                                                              \
    if (auto openpcc_status = (expression); !openpcc_status) {      \
      co_return std::unexpected(std::move(openpcc_status).error()); \
    }                                                               \
  } while (false)
