#include "oci/registry/curl_library.hpp"

#define CURL_DISABLE_TYPECHECK  // its macros would stand in the way of functions with these names
#include <curl/curl.h>
#include <stdarg.h>

#include "base/late_library.hpp"

#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_multi_setopt

namespace {

ecrin::LateLibrary g_curl("libcurl.so.4", "libcurl4");

// What follows an option is a long, an address or a curl_off_t: the option's number says which.
constexpr int k_offsets = CURLOPTTYPE_OFF_T;
constexpr int k_blobs = CURLOPTTYPE_BLOB;

template <class Function, class Handle, class Option>
auto set_option(Function* real, Handle* handle, Option option, va_list values) {
  const int number = static_cast<int>(option);
  if (number >= k_offsets && number < k_blobs) return real(handle, option, va_arg(values, curl_off_t));
  if (number < CURLOPTTYPE_OBJECTPOINT) return real(handle, option, va_arg(values, long));
  return real(handle, option, va_arg(values, void*));
}

// "const" in newer versions.
template <class Value, class First, class... Others>
First first_parameter(Value (*)(First, Others...));
using UrlToRead = decltype(first_parameter(&::curl_url_dup));

}  // namespace

namespace ecrin::oci {

Result<> load_curl() {
  return g_curl.load();
}

}  // namespace ecrin::oci

extern "C" {

CURLcode curl_easy_setopt(CURL* handle, CURLoption option, ...) {
  static const auto real =
      reinterpret_cast<decltype(&::curl_easy_setopt)>(g_curl.function("curl_easy_setopt"));
  va_list values;
  va_start(values, option);
  const CURLcode code = set_option(real, handle, option, values);
  va_end(values);
  return code;
}

CURLMcode curl_multi_setopt(CURLM* handle, CURLMoption option, ...) {
  static const auto real =
      reinterpret_cast<decltype(&::curl_multi_setopt)>(g_curl.function("curl_multi_setopt"));
  va_list values;
  va_start(values, option);
  const CURLMcode code = set_option(real, handle, option, values);
  va_end(values);
  return code;
}

CURLcode curl_easy_getinfo(CURL* handle, CURLINFO info, ...) {
  static const auto real =
      reinterpret_cast<decltype(&::curl_easy_getinfo)>(g_curl.function("curl_easy_getinfo"));
  va_list values;
  va_start(values, info);
  const CURLcode code = real(handle, info, va_arg(values, void*));
  va_end(values);
  return code;
}

LATE_FUNCTION(g_curl, CURLcode, curl_global_init, (long flags), (flags))
LATE_FUNCTION(g_curl, CURL*, curl_easy_init, (void), ())
LATE_FUNCTION(g_curl, void, curl_easy_cleanup, (CURL * handle), (handle))
LATE_FUNCTION(g_curl, CURLcode, curl_easy_pause, (CURL * handle, int bits), (handle, bits))
LATE_FUNCTION(g_curl, const char*, curl_easy_strerror, (CURLcode code), (code))
LATE_FUNCTION(g_curl, CURLM*, curl_multi_init, (void), ())
LATE_FUNCTION(g_curl, CURLMcode, curl_multi_cleanup, (CURLM * handle), (handle))
LATE_FUNCTION(g_curl, CURLMcode, curl_multi_add_handle, (CURLM * handle, CURL* easy), (handle, easy))
LATE_FUNCTION(g_curl, CURLMcode, curl_multi_remove_handle, (CURLM * handle, CURL* easy), (handle, easy))
LATE_FUNCTION(g_curl, CURLMcode, curl_multi_perform, (CURLM * handle, int* running), (handle, running))
LATE_FUNCTION(g_curl, CURLMcode, curl_multi_poll,
              (CURLM * handle, curl_waitfd* files, unsigned count, int timeout, int* ready),
              (handle, files, count, timeout, ready))
LATE_FUNCTION(g_curl, CURLMcode, curl_multi_wakeup, (CURLM * handle), (handle))
LATE_FUNCTION(g_curl, CURLMsg*, curl_multi_info_read, (CURLM * handle, int* left), (handle, left))
LATE_FUNCTION(g_curl, const char*, curl_multi_strerror, (CURLMcode code), (code))
LATE_FUNCTION(g_curl, curl_slist*, curl_slist_append, (curl_slist * list, const char* text), (list, text))
LATE_FUNCTION(g_curl, void, curl_slist_free_all, (curl_slist * list), (list))
LATE_FUNCTION(g_curl, void, curl_free, (void* text), (text))
LATE_FUNCTION(g_curl, CURLU*, curl_url, (void), ())
LATE_FUNCTION(g_curl, CURLU*, curl_url_dup, (UrlToRead url), (url))
LATE_FUNCTION(g_curl, void, curl_url_cleanup, (CURLU * url), (url))
LATE_FUNCTION(g_curl, CURLUcode, curl_url_get, (UrlToRead url, CURLUPart part, char** text, unsigned flags),
              (url, part, text, flags))
LATE_FUNCTION(g_curl, CURLUcode, curl_url_set,
              (CURLU * url, CURLUPart part, const char* text, unsigned flags), (url, part, text, flags))
}
