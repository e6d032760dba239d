// What clients, routers and nodes say to each other.
#include "wire.h"
#include "wire/node_event.h"
#include "wire/router.h"

namespace openpcc::interop {

namespace {

Result<Tags> tags_of(const Json& tags) {
  return Tags::from(tags.get<std::vector<std::string>>());
}

Result<UuidV7> id_of(const Json& id) {
  return UuidV7::parse(id.get<std::string>());
}

Result<Json> read_manifests(ByteView bytes) {
  OPENPCC_TRY(const auto list, wire::decode_manifest_list(bytes));
  Json shown = Json::array();
  for (const auto& manifest : list) {
    shown.push_back(
        {{"id", manifest.id.to_string()}, {"tags", manifest.tags.all()}, {"evidence", json_of(manifest.evidence)}});
  }
  return shown;
}

Result<Bytes> write_manifests(const Json& shown) {
  wire::ComputeManifestList list;
  for (const Json& manifest : shown) {
    OPENPCC_TRY(const UuidV7 id, id_of(manifest.at("id")));
    OPENPCC_TRY(Tags tags, tags_of(manifest.at("tags")));
    list.push_back({id, std::move(tags), evidence_of(manifest.at("evidence"))});
  }
  return wire::encode(list);
}

Result<Json> read_manifest_request(ByteView bytes) {
  OPENPCC_TRY(const auto request, wire::decode_manifest_request(bytes));
  return Json{{"tags", request.tags.all()}, {"limit", request.limit}};
}

Result<Bytes> write_manifest_request(const Json& shown) {
  OPENPCC_TRY(Tags tags, tags_of(shown.at("tags")));
  return wire::encode(wire::ComputeManifestRequest{std::move(tags), shown.at("limit").get<int>()});
}

Result<Json> read_request_info(ByteView bytes) {
  OPENPCC_TRY(const auto info, wire::decode_request_info(bytes));
  Json shown = Json::array();
  for (const auto& candidate : info.candidates) {
    shown.push_back({{"id", candidate.id.to_string()}, {"encapsulated_key", to_hex(candidate.encapsulated_key)}});
  }
  return shown;
}

Result<Bytes> write_request_info(const Json& shown) {
  wire::ComputeRequestInfo info;
  for (const Json& candidate : shown) {
    OPENPCC_TRY(const UuidV7 id, id_of(candidate.at("id")));
    info.candidates.push_back({id, bytes_of(candidate.at("encapsulated_key"))});
  }
  return wire::encode(info);
}

Json json_of_info(const wire::RoutingInfo& info) {
  return {{"url", info.url},
          {"healthcheck_url", info.healthcheck_url},
          {"tags", info.tags.all()},
          {"evidence", json_of(info.evidence.value_or(wire::SignedEvidenceList{}))}};
}

Result<wire::RoutingInfo> routing_info_of(const Json& shown) {
  wire::RoutingInfo info;
  info.url = shown.at("url").get<std::string>();
  info.healthcheck_url = shown.at("healthcheck_url").get<std::string>();
  OPENPCC_TRY(info.tags, tags_of(shown.at("tags")));
  info.evidence = evidence_of(shown.at("evidence"));
  return info;
}

// A heartbeat has one of routing_info and routing_info_url, a shutdown neither.
Result<Json> read_node_event(ByteView bytes) {
  OPENPCC_TRY(const auto event, wire::decode_node_event(bytes));
  const auto* info = std::get_if<wire::RoutingInfo>(&event.payload);
  const auto* url = std::get_if<wire::RoutingInfoUrl>(&event.payload);
  return Json{{"node_id", event.node_id.to_string()},
              {"event_index", event.event_index},
              {"seconds", event.timestamp.seconds},
              {"nanos", event.timestamp.nanos},
              {"routing_info", info != nullptr ? json_of_info(*info) : Json()},
              {"routing_info_url", url != nullptr ? Json(url->url) : Json()}};
}

Result<Bytes> write_node_event(const Json& shown) {
  wire::NodeEvent event;
  OPENPCC_TRY(event.node_id, id_of(shown.at("node_id")));
  event.event_index = shown.at("event_index").get<int64_t>();
  event.timestamp = {shown.at("seconds").get<int64_t>(), shown.at("nanos").get<int32_t>()};
  if (!shown.at("routing_info").is_null()) {
    OPENPCC_TRY(event.payload, routing_info_of(shown["routing_info"]));
  } else if (!shown.at("routing_info_url").is_null()) {
    event.payload = wire::RoutingInfoUrl{shown["routing_info_url"].get<std::string>()};
  } else {
    event.payload = wire::Shutdown{};
  }
  return wire::encode(event);
}

Result<Json> read_error_body(ByteView bytes) {
  OPENPCC_TRY(const auto error, wire::decode_error_body(bytes));
  return Json{{"message", error.message}};
}

Result<Bytes> write_error_body(const Json& shown) {
  return wire::encode(wire::ErrorBody{shown.at("message").get<std::string>()});
}

}  // namespace

void add_router_kinds(Kinds& kinds) {
  kinds["manifests"] = {read_manifests, write_manifests};
  kinds["manifest_request"] = {read_manifest_request, write_manifest_request};
  kinds["request_info"] = {read_request_info, write_request_info};
  kinds["node_event"] = {read_node_event, write_node_event};
  kinds["error_body"] = {read_error_body, write_error_body};
}

}  // namespace openpcc::interop
