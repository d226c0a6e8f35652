#include "oci/packed_layers.hpp"

#include <array>

namespace ecrin::oci {

namespace {

constexpr std::array<std::string_view, 1> k_schema = {R"(
CREATE TABLE packed_layers (
  layer TEXT NOT NULL,        -- digest before
  compression TEXT NOT NULL,  -- "zstd:3"
  packed TEXT NOT NULL,       -- digest after
  media_type TEXT NOT NULL,
  size INTEGER NOT NULL,
  PRIMARY KEY (layer, compression)
) WITHOUT ROWID;
)"};

}  // namespace

Result<std::unique_ptr<PackedLayers>> PackedLayers::open(Store& store) {
  TRY(store.database().migrate("packed_layers", k_schema));
  return std::unique_ptr<PackedLayers>(new PackedLayers(store));
}

Result<std::optional<Descriptor>> PackedLayers::find(const Digest& layer,
                                                     const LayerCompression& compression) {
  Database& database = m_store.database();
  const auto lock = database.lock();
  auto select = TRY(database.prepare(
      "SELECT packed, media_type, size FROM packed_layers WHERE layer = ? AND compression = ?"));
  select.bind(1, layer.to_string()).bind(2, compression.to_string());
  if (TRY(select.step()) != Statement::Step::row) return std::nullopt;
  Descriptor packed;
  packed.digest = TRY(Digest::parse(select.text(0)));
  packed.media_type = select.text(1);
  packed.size = static_cast<std::uint64_t>(select.integer(2));
  return packed;
}

Result<> PackedLayers::record(const Digest& layer, const LayerCompression& compression,
                              const Descriptor& packed) {
  Database& database = m_store.database();
  const auto lock = database.lock();
  auto insert = TRY(database.prepare(
      "INSERT OR REPLACE INTO packed_layers (layer, compression, packed, media_type, size) VALUES (?, ?, ?, "
      "?, ?)"));
  return insert.bind(1, layer.to_string())
      .bind(2, compression.to_string())
      .bind(3, packed.digest.to_string())
      .bind(4, packed.media_type)
      .bind(5, static_cast<std::int64_t>(packed.size))
      .run();
}

}  // namespace ecrin::oci
