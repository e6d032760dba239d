#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <optional>
#include <sstream>

#include "config/config.h"
#include "config/node.h"

namespace openpcc::config {
namespace {

constexpr size_t kMaxDepth = 64;

struct Refused {
  int line;
  std::string why;
};

int line_of(const YAML::Mark& mark) {
  return mark.line + 1;
}

bool is_null_text(std::string_view text) {
  return text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL";
}

// Builds the tree from the parser's events; refuses what the configuration has no use for, with the line.
class Builder : public YAML::EventHandler {
 public:
  std::shared_ptr<Node> root = std::make_shared<Node>();

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnAnchor(const YAML::Mark& mark, const std::string&) override {
    throw Refused{line_of(mark), "anchors are not supported"};
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    throw Refused{line_of(mark), "aliases are not supported"};
  }
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override { add(mark, Node::Kind::kNull); }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuse_anchor(mark, anchor);
    const bool plain = tag == "?" || tag.empty();
    if (!plain && tag != "!" && tag != "tag:yaml.org,2002:str") {
      throw Refused{line_of(mark), "tags are not supported"};
    }
    if (expects_key()) {
      if (!open_.back().node->mapping.emplace(value, Node::Entry{nullptr, line_of(mark)}).second) {
        throw Refused{line_of(mark), "the key '" + value + "' stands twice"};
      }
      open_.back().key = value;
      return;
    }
    if (plain && is_null_text(value)) {
      add(mark, Node::Kind::kNull);
      return;
    }
    add(mark, Node::Kind::kScalar)->scalar = value;
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    refuse_anchor(mark, anchor);
    open(mark, Node::Kind::kList);
  }
  void OnSequenceEnd() override { open_.pop_back(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    refuse_anchor(mark, anchor);
    open(mark, Node::Kind::kMapping);
  }
  void OnMapEnd() override { open_.pop_back(); }

 private:
  struct Open {
    std::shared_ptr<Node> node;
    std::optional<std::string> key;  // of a mapping: the key whose value comes next
  };

  static void refuse_anchor(const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor != 0) throw Refused{line_of(mark), "anchors are not supported"};
  }
  bool expects_key() const {
    return !open_.empty() && open_.back().node->kind == Node::Kind::kMapping && !open_.back().key;
  }
  std::shared_ptr<Node> add(const YAML::Mark& mark, Node::Kind kind) {
    if (expects_key()) throw Refused{line_of(mark), "a key must be plain text"};
    auto node = std::make_shared<Node>();
    node->kind = kind;
    node->line = line_of(mark);
    if (open_.empty()) {
      root = node;
    } else if (open_.back().node->kind == Node::Kind::kList) {
      open_.back().node->list.push_back(node);
    } else {
      open_.back().node->mapping.find(*open_.back().key)->second.value = node;
      open_.back().key.reset();
    }
    return node;
  }
  void open(const YAML::Mark& mark, Node::Kind kind) {
    if (open_.size() >= kMaxDepth) throw Refused{line_of(mark), "nested too deeply"};
    open_.push_back({add(mark, kind), std::nullopt});
  }

  std::vector<Open> open_;
};

}  // namespace

Result<std::shared_ptr<Node>> parse_yaml(std::string_view text) {
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    Builder builder;
    parser.HandleNextDocument(builder);
    Builder second;
    if (parser.HandleNextDocument(second)) return fail(kBadSyntax, "the file holds more than one document");
    return builder.root;
  } catch (const Refused& refused) {
    return fail(kBadSyntax, "line " + std::to_string(refused.line) + ": " + refused.why);
  } catch (const YAML::Exception& error) {
    return fail(kBadSyntax, "line " + std::to_string(line_of(error.mark)) + ": " + error.msg);
  } catch (const std::exception&) {
    return fail(kBadSyntax, "not YAML");
  }
}

}  // namespace openpcc::config
