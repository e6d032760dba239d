// exchange_view.h - one question as the user sees it: the path, the answer as it streams, the times.
#pragma once

#include <optional>

#include "openpcc/answer.h"
#include "report.h"

namespace openpcc::cli {

struct ViewOptions {
  bool show_path = false;
  bool stream = true;   // false: nothing is shown before all of it has opened
  bool silent = false;  // show no answer at all: JSON is made of it afterwards
};

class ExchangeView final : public ResponseEvents {
 public:
  explicit ExchangeView(ViewOptions options);
  ~ExchangeView() override;

  void on_nodes(const std::vector<NodeReport>& nodes, std::chrono::nanoseconds verification) override;
  void on_sealed(const SealedInfo& info) override;
  bool on_head(const ResponseHead& head) override;
  bool on_body(std::string_view bytes) override;

  // Once the request has ended. Shows what is left, and errors; the exit code.
  int conclude(const ClientResult<Summary>& result, const DevAttestation& dev);

  [[nodiscard]] std::string text() const;  // of the answer, as far as it was given
  // The object of --json, for a request that ended well.
  [[nodiscard]] nlohmann::ordered_json json(const Summary& summary) const;

 private:
  using Clock = std::chrono::steady_clock;
  void show(const std::string& text);
  int show_refusal();
  int show_failed(const ClientError& error, const DevAttestation& dev);
  void show_times() const;
  [[nodiscard]] std::optional<double> tokens_per_second() const;

  ViewOptions options_;
  std::vector<NodeReport> nodes_;
  SealedInfo sealed_;
  ResponseHead head_;
  std::optional<AnswerReader> answer_;
  std::string refusal_;  // body of an answer whose status says that it is none
  TerminalFilter filter_;
  bool shown_ = false;
  bool ends_line_ = true;
  std::chrono::nanoseconds verification_{0};
  Clock::time_point started_ = Clock::now();
  std::optional<Clock::time_point> first_, last_;
};

}  // namespace openpcc::cli
