// Every row of PROTOCOL G.1 to G.3 but POST /, over real connections.
#include "testing.h"

namespace openpcc::router {
namespace {

using Endpoints = RouterTest;

std::string field(const net::HttpResult& result, std::string_view name) {
  return std::string(net::field_or_empty(result.head.fields, name));
}

TEST_F(Endpoints, HealthAndPing) {
  start();
  const auto health = ask(request("GET", "/_health"));
  EXPECT_EQ(health.head.status, 200);
  EXPECT_EQ(field(health, "Content-Type"), "application/json");
  EXPECT_EQ(as_text(health.body), R"({"status":"OK"})");
  const auto ping = ask(request("GET", "/ping?x=1"));
  EXPECT_EQ(ping.head.status, 200);
  EXPECT_EQ(field(ping, "Content-Type"), "text/plain; charset=utf-8");
  EXPECT_EQ(as_text(ping.body), "pong");
  const auto head = ask(request("HEAD", "/ping"));
  EXPECT_EQ(head.head.status, 200);
  EXPECT_EQ(head.body.size(), 0u);
}

TEST_F(Endpoints, UnknownPathsAndWrongMethods) {
  start();
  for (const char* path : {"/x", "/_health/", "/ping/x", "/compute-manifests/", "//"}) {
    const auto got = ask(request("POST", path));
    EXPECT_EQ(got.head.status, 404) << path;
    EXPECT_EQ(as_text(got.body), "404 page not found\n");
    EXPECT_EQ(field(got, "Content-Type"), "text/plain; charset=utf-8");
  }
  struct Row {
    const char* method;
    const char* path;
    const char* allow;
  };
  for (const Row& row : {Row{"POST", "/_health", "GET, HEAD"},
                         {"DELETE", "/ping", "GET, HEAD"},
                         {"GET", "/", "POST"},
                         {"GET", "/node-events", "POST"},
                         {"PUT", "/compute-manifests", "POST"}}) {
    const auto got = ask(request(row.method, row.path));
    EXPECT_EQ(got.head.status, 405) << row.path;
    EXPECT_EQ(as_text(got.body), "Method Not Allowed\n");
    EXPECT_EQ(field(got, "Allow"), row.allow);
    EXPECT_EQ(field(got, "Content-Type"), "text/plain; charset=utf-8");
  }
}

TEST_F(Endpoints, NodeEventsFollowTheBinaryConvention) {
  start();
  const Bytes good = wire::encode(heartbeat(1, "http://127.0.0.1:1/", "http://127.0.0.1:1/")).value();
  const auto post = [&](ByteView body, const char* type = kOctets) {
    return ask(request("POST", "/node-events", {{"Content-Type", type}}, body));
  };
  const auto ok = post(good);
  EXPECT_EQ(ok.head.status, 200);
  EXPECT_EQ(field(ok, "Content-Type"), kOctets);
  EXPECT_EQ(field(ok, "Content-Length"), "0");
  EXPECT_EQ(router_->registry().counts().known, 1u);
  for (const char* type : {"", "application/json", "application/octet-stream; charset=utf-8"}) {
    const auto got = post(good, type);
    EXPECT_EQ(got.head.status, 400);
    EXPECT_EQ(field(got, "Content-Type"), kOctets);
    EXPECT_EQ(message(got), "invalid Content-Type, requires 'application/octet-stream'");
  }
  Bytes no_id = good;
  no_id[3] = 'z';
  for (const ByteView body : {ByteView(), ByteView(good).first(good.size() - 1), ByteView(no_id)}) {
    const auto got = post(body);
    EXPECT_EQ(got.head.status, 400);
    EXPECT_EQ(message(got), "invalid binary data");
  }
  const auto bad_url = heartbeat(2, "ftp://127.0.0.1:1/", "http://127.0.0.1:1/");
  EXPECT_EQ(message(post(wire::encode(bad_url).value())), "invalid binary data");
  const auto large = post(Bytes(wire::kMaxNodeEventSize + 1));
  EXPECT_EQ(large.head.status, 413);
  EXPECT_EQ(router_->registry().counts().known, 1u);
}

TEST_F(Endpoints, ATruncatedBodyIsNotAnEvent) {
  start();
  const Bytes good = wire::encode(heartbeat(1, "http://127.0.0.1:1/", "http://127.0.0.1:1/")).value();
  net::RawPeer peer = net::RawPeer::connect(router_->port());
  peer.send("POST /node-events HTTP/1.1\r\nHost: a\r\nContent-Type: application/octet-stream\r\nContent-Length: " +
            std::to_string(good.size() + 10) + "\r\n\r\n" + std::string(as_text(good)));
  ::shutdown(peer.descriptor(), SHUT_WR);
  EXPECT_NE(peer.read_to_end().find("failed to read body"), std::string::npos);
  EXPECT_EQ(router_->registry().counts().known, 0u);
}

TEST_F(Endpoints, TheRegistryHasAnEnd) {
  Settings settings = quick_settings();
  settings.registry.max_nodes = 1;
  start(settings);
  EXPECT_EQ(send_event(heartbeat(1, "http://127.0.0.1:1/", "http://127.0.0.1:1/")), 200);
  EXPECT_EQ(send_event(heartbeat(2, "http://127.0.0.1:1/", "http://127.0.0.1:1/")), 503);
}

TEST_F(Endpoints, ManifestsOfRoutableNodes) {
  const StubNode node;
  start();
  add_node(1, node.url("/"), node, {"llm", "model=a"});
  add_node(2, node.url("/"), node, {"llm", "model=b"});
  ASSERT_EQ(send_event(heartbeat(3, "http://127.0.0.1:1/", "http://127.0.0.1:1/")), 200);  // never healthy
  const auto query = [&](const std::vector<std::string>& tags, int limit) {
    const Bytes body = wire::encode(wire::ComputeManifestRequest{Tags::from(tags).value(), limit}).value();
    return ask(request("POST", "/compute-manifests", {{"Content-Type", kOctets}}, body));
  };
  const auto all = query({}, 500);
  EXPECT_EQ(all.head.status, 200);
  EXPECT_EQ(field(all, "Content-Type"), kOctets);
  EXPECT_EQ(wire::decode_manifest_list(all.body).value().size(), 2u);
  const auto one = wire::decode_manifest_list(query({"model=b"}, 500).body).value();
  ASSERT_EQ(one.size(), 1u);
  EXPECT_EQ(one[0].id, node_id(2));
  EXPECT_EQ(one[0].tags, Tags::from({"llm", "model=b"}).value());
  EXPECT_EQ(one[0].evidence.at(0).data, Bytes(100, 7));
  EXPECT_EQ(wire::decode_manifest_list(query({}, 1).body).value().size(), 1u);
  for (const auto& empty : {query({}, 0), query({"model=c"}, 10)}) {
    EXPECT_EQ(empty.head.status, 200);
    EXPECT_EQ(field(empty, "Content-Type"), kOctets);
    EXPECT_EQ(empty.body.size(), 0u);
  }
}

TEST_F(Endpoints, ManifestRefusalsInTheOfficialOrder) {
  start();
  const Bytes good = wire::encode(wire::ComputeManifestRequest{{}, 1}).value();
  const Bytes negative{0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01};
  const Bytes too_many{0x10, 0xf5, 0x03};  // 501
  const std::string attestation = credit(wire::Currency::special(0).value());
  struct Row {
    const char* type;
    ByteView body;
    std::optional<std::string> credit;
    int status;
    const char* message;
  };
  const Row rows[] = {
      {kOctets, good, std::nullopt, 200, ""},
      {kOctets, good, attestation, 200, ""},
      {"text/plain", good, "x", 400, "invalid credit in X-Credit header"},  // before the Content-Type
      {"text/plain", good, credit(wire::Currency()), 400, "invalid credit value"},
      {kOctets, good, credit(wire::Currency::special(1).value()), 400, "invalid credit value"},
      {kOctets, good, credit(wire::Currency::from_amount(1024).value()), 400, "invalid credit value"},
      {"text/plain", good, attestation, 400, "invalid Content-Type, requires 'application/octet-stream'"},
      {kOctets, negative, attestation, 400, "invalid binary data"},
      {kOctets, too_many, std::nullopt, 400, "invalid binary data"},
      {kOctets, as_bytes("nonsense"), std::nullopt, 400, "invalid binary data"},
  };
  for (const Row& row : rows) {
    net::Fields fields{{"Content-Type", row.type}};
    if (row.credit) fields.push_back({"X-Credit", *row.credit});
    const auto got = ask(request("POST", "/compute-manifests", fields, row.body));
    EXPECT_EQ(got.head.status, row.status) << row.message;
    EXPECT_EQ(message(got), row.message);
  }
}

}  // namespace
}  // namespace openpcc::router
