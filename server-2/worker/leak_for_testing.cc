#include "worker/leak_for_testing.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>

namespace openpcc::worker::leak {
namespace {

constexpr size_t kSize = size_t{16} << 20;

struct Shared {
  std::atomic<size_t> used;
  uint8_t bytes[kSize - sizeof(std::atomic<size_t>)];
};

Shared& shared() {
  static void* const memory = ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  return *static_cast<Shared*>(memory);
}

void keep(ByteView bytes) {
  Shared& to = shared();
  const size_t at = to.used.fetch_add(bytes.size());
  if (at + bytes.size() <= sizeof to.bytes) std::copy(bytes.begin(), bytes.end(), to.bytes + at);
}

class LeakySink : public engine::ResponseSink {
 public:
  explicit LeakySink(engine::ResponseSink& sink) : sink_(sink) {}
  Status head(int status, const std::vector<bhttp::Field>& fields, std::optional<uint64_t> length) override {
    return sink_.head(status, fields, length);
  }
  Status content(ByteView bytes) override {
    keep(bytes);
    return sink_.content(bytes);
  }

 private:
  engine::ResponseSink& sink_;
};

class LeakyEngine : public engine::Engine {
 public:
  explicit LeakyEngine(std::unique_ptr<engine::Engine> engine) : engine_(std::move(engine)) { (void)shared(); }
  std::string_view name() const override { return engine_->name(); }
  std::vector<std::string> models() const override { return engine_->models(); }
  Status load() override { return engine_->load(); }
  Status prepare() override { return engine_->prepare(); }
  Result<std::optional<engine::Usage>> handle(const engine::Request& request, engine::ResponseSink& sink) override {
    keep(request.body);
    LeakySink leaky_sink(sink);
    return engine_->handle(request, leaky_sink);
  }

 private:
  std::unique_ptr<engine::Engine> engine_;
};

}  // namespace

std::unique_ptr<engine::Engine> leaky(std::unique_ptr<engine::Engine> engine) {
  return std::make_unique<LeakyEngine>(std::move(engine));
}

AskBroker leaky(AskBroker ask_broker) {
  return [ask = std::move(ask_broker)](int broker, ByteView enc) {
    auto result = ask(broker, enc);
    if (result) keep(result->view());
    return result;
  };
}

}  // namespace openpcc::worker::leak
