#include "run/network/ip_address.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

#include "base/text.hpp"

namespace ecrin::run {
namespace {

void clear_after(IpAddress& address, unsigned prefix) {
  for (unsigned bit = prefix; bit < address.bits(); ++bit)
    address.bytes[bit / 8] &= static_cast<std::uint8_t>(~(0x80u >> (bit % 8)));
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  const std::string copy(text);
  if (copy.find('\0') != std::string::npos) return std::nullopt;
  IpAddress address;
  if (::inet_pton(AF_INET, copy.c_str(), address.bytes.data()) == 1) return address;
  address.family = Family::v6;
  if (::inet_pton(AF_INET6, copy.c_str(), address.bytes.data()) == 1) return address;
  return std::nullopt;
}

std::string IpAddress::to_string() const {
  char text[INET6_ADDRSTRLEN] = "";
  ::inet_ntop(family == Family::v4 ? AF_INET : AF_INET6, bytes.data(), text, sizeof text);
  return text;
}

IpAddress IpAddress::next() const {
  IpAddress after = *this;
  for (std::size_t index = bits() / 8; index-- > 0;)
    if (++after.bytes[index] != 0) break;
  return after;
}

bool IpAddress::is_link_local() const {
  if (family == Family::v4) return bytes[0] == 169 && bytes[1] == 254;
  return bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
}

Result<Subnet> Subnet::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto base = IpAddress::parse(text.substr(0, slash));
  if (!base || slash == std::string_view::npos)
    return fail(ErrorKind::invalid, "a subnet is ADDRESS/BITS, not '{}'", printable(text, 100));
  const auto prefix = parse_unsigned(text.substr(slash + 1), base->bits());
  if (!prefix) return fail(ErrorKind::invalid, "a subnet is ADDRESS/BITS, not '{}'", printable(text, 100));
  Subnet subnet{.base = *base, .prefix = static_cast<unsigned>(*prefix)};
  clear_after(subnet.base, subnet.prefix);
  return subnet;
}

std::string Subnet::to_string() const {
  return fmt::format("{}/{}", base.to_string(), prefix);
}

bool Subnet::contains(const IpAddress& address) const {
  if (address.family != base.family) return false;
  IpAddress start = address;
  clear_after(start, prefix);
  return start == base;
}

bool Subnet::overlaps(const Subnet& other) const {
  return prefix <= other.prefix ? contains(other.base) : other.contains(base);
}

std::optional<IpAddress> Subnet::at(std::uint64_t offset) const {
  const unsigned host_bits = base.bits() - prefix;
  if (host_bits < 64 && offset >> host_bits != 0) return std::nullopt;
  IpAddress address = base;
  for (std::size_t index = base.bits() / 8; index-- > 0 && offset != 0; offset >>= 8)
    address.bytes[index] |= static_cast<std::uint8_t>(offset & 0xff);
  return address;
}

IpAddress Subnet::last() const {
  IpAddress address = base;
  for (unsigned bit = prefix; bit < base.bits(); ++bit)
    address.bytes[bit / 8] |= static_cast<std::uint8_t>(0x80u >> (bit % 8));
  return address;
}

}  // namespace ecrin::run
