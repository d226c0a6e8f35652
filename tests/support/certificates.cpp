#include "tests/support/certificates.hpp"

#include <fstream>
#include <stdexcept>

#include "tests/support/process.hpp"

namespace ecrin::tests {
namespace {

void openssl(Arguments arguments) {
  arguments.insert(arguments.begin(), "openssl");
  if (const Outcome outcome = run(host_command(std::move(arguments))); !outcome)
    throw std::runtime_error(outcome.description);
}

}  // namespace

TestAuthority::TestAuthority(std::string directory)
    : m_directory(std::move(directory)), m_files{m_directory + "/ca.crt", m_directory + "/ca.key"} {
  openssl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
           "2", "-subj", "/CN=test CA", "-keyout", m_files.key, "-out", m_files.certificate});
}

CertificateFiles TestAuthority::sign(const std::string& name, const std::string& names) const {
  const std::string base = m_directory + "/" + name;
  CertificateFiles files{base + ".cert", base + ".key"};
  std::ofstream(base + ".ext") << "subjectAltName = " << names << "\n";
  openssl({"req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj",
           "/CN=" + name, "-keyout", files.key, "-out", base + ".csr"});
  openssl({"x509", "-req", "-in", base + ".csr", "-CA", m_files.certificate, "-CAkey", m_files.key,
           "-CAcreateserial", "-days", "2", "-extfile", base + ".ext", "-out", files.certificate});
  return files;
}

}  // namespace ecrin::tests
