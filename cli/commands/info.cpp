// verb: info
#include <sys/utsname.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/session.hpp"
#include "cli/table.hpp"
#include "fs/tree.hpp"

namespace ecrin::cli {
namespace {

Json id_map_json(const fs::IdMap& map) {
  Json list = Json::array();
  for (const fs::IdRange& range : map) {
    list.push_back({{"containerID", range.container_id}, {"hostID", range.host_id}, {"size", range.size}});
  }
  return list;
}

std::string id_map_text(const fs::IdMap& map) {
  std::string text;
  for (const fs::IdRange& range : map) {
    text += fmt::format("{}{} is {} outside", text.empty() ? "" : ", ", range.container_id, range.host_id);
    if (range.size > 1) text += fmt::format(" ({} ids)", range.size);
  }
  return text.empty() ? "as outside" : text;
}

Json driver_json(build::Workshop& workshop) {
  Json probes = Json::array();
  const auto draft = workshop.layers().draft();  // an empty directory of the store
  if (draft) {
    for (const fs::DriverProbe& probe : fs::probe_drivers(draft->path() + "/diff")) {
      probes.push_back(
          {{"name", to_string(probe.kind)}, {"works", probe.problem.empty()}, {"problem", probe.problem}});
    }
  }
  const auto driver = workshop.driver();
  return {{"used", driver ? Json(to_string((*driver)->kind())) : Json()}, {"probes", probes}};
}

Result<Json> collect(Session& session) {
  struct utsname host {};
  ::uname(&host);
  build::Workshop* workshop = TRY(session.workshop());
  const run::Identity* identity = TRY(session.enter_namespace());
  std::uint64_t layer_bytes = 0;
  const std::vector<fs::Layer> layers = TRY(workshop->layers().list());
  for (const fs::Layer& layer : layers) layer_bytes += layer.size;
  const fs::TreeSize size = TRY(fs::measure_tree(workshop->store().directory()));
  const std::size_t images = TRY(workshop->images().list()).size();
  const std::size_t blobs = TRY(workshop->blobs().list()).size();
  return Json{{"host",
               {{"kernel", host.release},
                {"machine", host.machine},
                {"platform", oci::Platform::host().to_string()},
                {"processors", ::sysconf(_SC_NPROCESSORS_ONLN)}}},
              {"identity",
               {{"mode", run::to_string(identity->mode)},
                {"uid", identity->outer_uid},
                {"gid", identity->outer_gid},
                {"uids", id_map_json(identity->uids)},
                {"gids", id_map_json(identity->gids)},
                {"uidsText", id_map_text(identity->uids)},
                {"note", identity->note},
                {"fix", identity->fix}}},
              {"driver", driver_json(*workshop)},
              {"store",
               {{"path", workshop->store().path()},
                {"bytes", size.bytes},
                {"images", images},
                {"layers", layers.size()},
                {"layerBytes", layer_bytes},
                {"blobs", blobs}}},
              {"version", program_version()}};
}

std::string render(const Json& info) {
  const Json& host = info["host"];
  const Json& identity = info["identity"];
  const Json& store = info["store"];
  std::vector<std::vector<std::string>> rows = {
      {"version:", info["version"]},
      {"host:", fmt::format("Linux {} {}, {} processors", host["kernel"].get<std::string>(),
                            host["platform"].get<std::string>(), host["processors"].get<long>())},
      {"identity:", fmt::format("{} (user {}): {}", identity["mode"].get<std::string>(),
                                identity["uid"].get<unsigned>(), identity["uidsText"].get<std::string>())}};
  for (const char* key : {"note", "fix"})
    if (const std::string text = identity[key]; !text.empty()) rows.push_back({"", text});
  rows.push_back({"driver:", info["driver"]["used"].is_null() ? "none works"
                                                              : info["driver"]["used"].get<std::string>()});
  for (const Json& probe : info["driver"]["probes"]) {
    const std::string problem = probe["problem"];
    rows.push_back({"", probe["name"].get<std::string>() + ": " + (problem.empty() ? "works" : problem)});
  }
  rows.push_back({"store:", store["path"]});
  rows.push_back({"", fmt::format("{} on disk: {} images, {} layers ({}), {} blobs",
                                  human_size(store["bytes"].get<std::uint64_t>()),
                                  store["images"].get<std::size_t>(), store["layers"].get<std::size_t>(),
                                  human_size(store["layerBytes"].get<std::uint64_t>()),
                                  store["blobs"].get<std::size_t>())});
  return format_table({}, rows, Heading::hidden);
}

Outcome run(Session& session, const Arguments& arguments) {
  const Json info = TRY(collect(session));
  const std::string format = arguments.value("format");
  if (format == "json") {
    print(dump_json_pretty(info));
  } else if (!format.empty()) {
    print_line(TRY(render_template(format, info)));
  } else {
    print(render(info));
  }
  return 0;
}

}  // namespace

const Verb& info_verb() {
  static const Verb verb{
      .name = "info",
      .operands = "",
      .summary = "Show the host, the user's identity, the layer driver and the store",
      .flags = {{.name = "format",
                 .letter = 'f',
                 .value = "FORMAT",
                 .help = "json, or a template like '{{.store.path}}'"}},
      .most_operands = 0,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli
