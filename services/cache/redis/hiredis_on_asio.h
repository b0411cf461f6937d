#pragma once

namespace boost::asio {
class io_context;
}
struct redisAsyncContext;

namespace lrti::cache {

/// Lets `io` drive a connection that hiredis has just made: hiredis ships no adapter for Asio. From
/// then on `context` belongs to the thread that runs `io`; the adapter ends with it.
void RunOnAsio(boost::asio::io_context& io, redisAsyncContext* context);

}  // namespace lrti::cache
