// Addresses and subnets of IPv4 and IPv6 as values.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace ecrin::run {

struct IpAddress {
  enum class Family { v4, v6 };
  Family family = Family::v4;
  std::array<std::uint8_t, 16> bytes{};  // the first four of IPv4
  auto operator<=>(const IpAddress&) const = default;

  /// "192.0.2.1", "2001:db8::1"; no brackets, no scope.
  static std::optional<IpAddress> parse(std::string_view text);
  static IpAddress any(Family family) { return {.family = family}; }
  std::string to_string() const;
  /// The one after it; after the last comes the first.
  IpAddress next() const;
  unsigned bits() const { return family == Family::v4 ? 32 : 128; }
  bool is_any() const { return *this == any(family); }
  bool is_link_local() const;
};

struct Subnet {
  IpAddress base;  // all bits after the prefix are zero
  unsigned prefix = 0;
  auto operator<=>(const Subnet&) const = default;

  /// "10.89.0.0/24"; bits after the prefix are taken away.
  static Result<Subnet> parse(std::string_view text);
  std::string to_string() const;
  bool contains(const IpAddress& address) const;
  bool overlaps(const Subnet& other) const;
  /// The address that is `offset` above the base; none when that is outside.
  std::optional<IpAddress> at(std::uint64_t offset) const;
  /// Its last address: of IPv4 the broadcast address.
  IpAddress last() const;
};

}  // namespace ecrin::run
