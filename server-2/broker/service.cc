#include "broker/service.h"

#include <poll.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <csignal>

#include "crypto/key_pair.h"
#include "process/message.h"
#include "process/unix_socket.h"
#include "tpm/tpm.h"

namespace openpcc::broker {

using process::Clock;

namespace {

// The parent sends an offer in one piece; it gets no time to send half of one.
constexpr auto kOfferLimit = std::chrono::milliseconds(200);

double milliseconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

}  // namespace

Service::Service(process::UniqueFd listener, ServiceOptions options, TpmAccess access, process::SignalFd signals)
    : listener_(std::move(listener)),
      options_(options),
      access_(std::move(access)),
      signals_(std::move(signals)),
      next_check_(Clock::now() + options.check_interval) {}

Result<Service> Service::create(process::UniqueFd listener, ServiceOptions options, TpmAccess access) {
  OPENPCC_TRY(auto signals, process::SignalFd::create({SIGTERM, SIGINT}));
  OPENPCC_TRY_STATUS(process::set_nonblocking(listener.get(), true));
  return Service(std::move(listener), options, std::move(access), std::move(signals));
}

int Service::poll_timeout() const {
  if (!prepared_) return 0;
  process::Deadline next = std::min(next_check_, watchdog_.next());
  for (const Pair& pair : pairs_) next = std::min(next, pair.deadline);
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now()).count();
  return static_cast<int>(std::clamp<int64_t>(left, 0, 60000));
}

Status Service::run() {
  while (true) {
    watchdog_.tick();
    std::vector<pollfd> waiting{{signals_.fd(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
    waiting.push_back({control_ ? control_.get() : -1, POLLIN, 0});
    constexpr size_t kFirstPair = 3;
    for (const Pair& pair : pairs_) waiting.push_back({pair.fd.get(), POLLIN, 0});
    const int ready = ::poll(waiting.data(), waiting.size(), poll_timeout());
    if (ready < 0) {
      if (errno == EINTR) continue;
      return process::system_failure("poll");
    }
    if (ready == 0 && !prepared_) OPENPCC_TRY_STATUS(prepare());
    if (waiting[0].revents != 0) {
      OPENPCC_TRY(const int signal, signals_.next());
      if (signal != 0) break;
    }
    size_t at = kFirstPair;
    for (Pair& pair : pairs_) {
      if (waiting[at++].revents != 0) OPENPCC_TRY_STATUS(read_pair(pair));
      if (!pair.over && pair.deadline <= Clock::now()) {
        spdlog::info("a worker sent no whole point in time; its socket is closed");
        pair.over = true;
      }
    }
    std::erase_if(pairs_, [](const Pair& pair) { return pair.over; });
    // The end of the old connection is seen before a new one is taken.
    if (waiting[2].revents != 0) read_control();
    if (waiting[1].revents != 0) accept_control();
    OPENPCC_TRY_STATUS(check_tpm());
  }
  spdlog::info("ends: {} ECDH done, {} refused, {:.3f} ms of TPM time each", served_, refused_,
               served_ == 0 ? 0.0 : milliseconds(tpm_time_) / static_cast<double>(served_));
  return {};
}

void Service::accept_control() {
  auto connection = process::accept_unix(listener_.get(), Clock::now());
  if (!connection) {
    if (connection.error().code != process::kTimeout) spdlog::warn("accept: {}", connection.error().message);
    return;
  }
  if (const Status peer = process::expect_peer(connection->get(), options_.worker_uid); !peer) {
    spdlog::warn("connection refused: {}", peer.error().message);
    return;
  }
  if (control_) {
    spdlog::warn("connection refused: a worker is connected already, and only its parent may be");
    return;
  }
  spdlog::info("the worker is connected");
  control_ = std::move(*connection);
}

void Service::read_control() {
  auto pair = receive_pair(control_.get(), Clock::now() + kOfferLimit);
  if (!pair) {
    if (pair.error().code == process::kPeerClosed) {
      spdlog::info("the worker has left");
    } else {
      spdlog::warn("the worker's connection is closed: {}", pair.error().message);
    }
    control_.reset();
    return;
  }
  if (pairs_.size() >= options_.max_pairs) {
    spdlog::warn("{} workers are waiting for the TPM; no more are taken", pairs_.size());
    return;
  }
  pairs_.push_back({std::move(*pair), Clock::now() + options_.pair_limit, {}});
}

Status Service::read_pair(Pair& pair) {
  // Room for one byte more than there may be.
  std::array<uint8_t, kEncSize + 1> buffer{};
  const auto got = process::receive_some(
      pair.fd.get(), MutableByteView(buffer).first(buffer.size() - pair.received.size()), Clock::now());
  if (!got && got.error().code == process::kTimeout) return {};  // woken for nothing
  if (!got || *got == 0) {
    // A child whose request did not get as far as its key leaves like this: nothing to say.
    pair.over = true;
    return {};
  }
  append(pair.received, ByteView(buffer).first(*got));
  if (pair.received.size() < kEncSize) return {};
  pair.over = true;
  if (pair.received.size() > kEncSize) {
    spdlog::warn("a worker sent more than a point; its socket is closed");
    return {};
  }
  const Status answered = answer(pair);
  wipe_traces();  // this process stays
  return answered;
}

Status Service::answer(Pair& pair) {
  const auto start = Clock::now();
  const auto shared = access_.zgen(pair.received);
  const auto took = Clock::now() - start;
  prepared_ = false;
  SecretBytes out(kAnswerSize);
  auto& status = out.mutable_view()[0];
  if (shared && shared->size() == kSharedSize) {
    status = static_cast<uint8_t>(Answer::kShared);
    std::ranges::copy(shared->view(), out.mutable_view().begin() + 1);
    ++served_;
    tpm_time_ += took;
    spdlog::debug("ECDH in {:.3f} ms", milliseconds(took));
  } else if (shared || (shared.error().code != tpm::kBadPoint && shared.error().code != crypto::kBadPublicKey)) {
    status = static_cast<uint8_t>(Answer::kFailed);
    ++refused_;
    spdlog::error("the TPM did no ECDH: {}", shared ? "an answer of another size" : shared.error().message);
  } else {
    status = static_cast<uint8_t>(Answer::kRefusedPoint);
    ++refused_;
    spdlog::info("a request's encapsulated key is no point of the curve");
  }
  // The buffer of a fresh pair takes the answer at once; whoever makes it block gets none.
  if (const Status sent = process::send_all(pair.fd.get(), out.view(), Clock::now()); !sent) {
    spdlog::debug("a worker left before its answer: {}", sent.error().message);
  }
  next_check_ = Clock::now() + options_.check_interval;
  if (!shared && shared.error().code == tpm::kLost) return std::unexpected(shared.error());
  return {};
}

// What fails here fails again, and is said, when somebody waits for it.
Status Service::prepare() {
  prepared_ = true;
  const Status done = access_.prepare();
  if (!done && done.error().code == tpm::kLost) return done;
  if (!done) spdlog::debug("the next ECDH is not prepared: {}", done.error().message);
  return {};
}

Status Service::check_tpm() {
  if (Clock::now() < next_check_) return {};
  next_check_ = Clock::now() + options_.check_interval;
  const Status there = access_.check();
  if (!there && there.error().code == tpm::kLost) return there;
  if (!there) spdlog::warn("the TPM is there but unwell: {}", there.error().message);
  return {};
}

}  // namespace openpcc::broker
