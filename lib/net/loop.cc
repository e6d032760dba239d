#include "net/loop.h"

#include <csignal>

namespace openpcc::net {

Deadline::Deadline(Deadlines& owner, std::function<void()> on_expired)
    : owner_(owner), on_expired_(std::move(on_expired)) {
  owner_.add(*this);
}

Deadline::~Deadline() {
  owner_.remove(*this);
}

void Deadline::set_after(Clock::duration duration) {
  at_ = Clock::now() + duration;
  owner_.arm(at_);
}

void Deadlines::add(Deadline& item) {
  item.next_ = first_;
  if (first_ != nullptr) first_->previous_ = &item;
  first_ = &item;
}

void Deadlines::remove(Deadline& item) {
  if (walking_ == &item) walking_ = item.next_;
  (item.previous_ != nullptr ? item.previous_->next_ : first_) = item.next_;
  if (item.next_ != nullptr) item.next_->previous_ = item.previous_;
  if (first_ == nullptr && armed_ != Clock::time_point::max()) {  // nothing to wait for: let the loop run dry
    armed_ = Clock::time_point::max();
    if (timer_) timer_->cancel();
  }
}

void Deadlines::arm(Clock::time_point at) {
  if (at >= armed_ || !timer_) return;
  armed_ = at + kGrain;
  timer_->expires_at(armed_);
  timer_->async_wait([this](const boost::system::error_code& error) {
    if (!error) fire();
  });
}

void Deadlines::fire() {
  armed_ = Clock::time_point::max();
  const auto now = Clock::now();
  auto earliest = Clock::time_point::max();
  for (Deadline* item = first_; item != nullptr; item = walking_) {
    walking_ = item->next_;
    if (item->at_ <= now) {
      item->clear();
      const auto callback = item->on_expired_;  // it may destroy the item
      callback();
    } else {
      earliest = std::min(earliest, item->at_);
    }
  }
  walking_ = nullptr;
  if (earliest != Clock::time_point::max()) arm(earliest);
}

Task<void> Event::wait() {
  while (!set_) {
    boost::system::error_code ignored;
    co_await timer_.async_wait(asio::redirect_error(kAwait, ignored));
  }
}

namespace {

Task<void> keep_calling(Loop& loop, Clock::duration interval, std::function<void()> call) {
  while (!loop.io.stopped()) {
    call();
    co_await sleep_for(loop, interval);
  }
}

}  // namespace

void call_every(Loop& loop, Clock::duration interval, std::function<void()> call) {
  asio::co_spawn(loop.io.get_executor(), keep_calling(loop, interval, std::move(call)), asio::detached);
}

Task<void> sleep_for(Loop& loop, Clock::duration duration) {
  Timer timer(loop.io, duration);
  boost::system::error_code ignored;
  co_await timer.async_wait(asio::redirect_error(kAwait, ignored));
}

Loops::Loops(unsigned count) {
  if (count == 0) count = std::max(1U, std::thread::hardware_concurrency());
  for (unsigned i = 0; i < count; ++i) {
    loops_.push_back(std::make_unique<Loop>());
    guards_.push_back(asio::make_work_guard(loops_.back()->io));
  }
}

Loops::~Loops() {
  stop();
}

void Loops::start() {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // signals belong to the program's first thread
  for (auto& loop : loops_) {
    threads_.emplace_back([&io = loop->io] { io.run(); });
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Loops::stop() {
  for (auto& loop : loops_) loop->io.stop();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

}  // namespace openpcc::net
