#include "services/cache/redis/hiredis_on_asio.h"

#include <hiredis/async.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <memory>

namespace lrti::cache {
namespace {

using Descriptor = boost::asio::posix::stream_descriptor;

// Waits for what hiredis asks for; hiredis itself reads and writes. The waits under way hold it, so
// that one which ends after the connection's end finds it, without a context.
class Events : public std::enable_shared_from_this<Events> {
 public:
  Events(boost::asio::io_context& io, redisAsyncContext* context)
      : context_(context), descriptor_(io, context->c.fd) {}

  void Attach() {
    context_->ev.data = new std::shared_ptr<Events>(shared_from_this());
    context_->ev.addRead = [](void* data) { Of(data).Want(Of(data).read_, true); };
    context_->ev.delRead = [](void* data) { Of(data).read_.wanted = false; };
    context_->ev.addWrite = [](void* data) { Of(data).Want(Of(data).write_, true); };
    context_->ev.delWrite = [](void* data) { Of(data).write_.wanted = false; };
    context_->ev.cleanup = [](void* data) {
      Of(data).End();
      delete static_cast<std::shared_ptr<Events>*>(data);
    };
  }

 private:
  struct Direction {
    Descriptor::wait_type wait;
    void (*handle)(redisAsyncContext*);
    bool wanted = false;
    bool waiting = false;
  };

  static Events& Of(void* data) { return **static_cast<std::shared_ptr<Events>*>(data); }

  void Want(Direction& direction, bool wanted) {
    direction.wanted = wanted;
    if (!wanted || direction.waiting) return;
    direction.waiting = true;
    descriptor_.async_wait(direction.wait, [self = shared_from_this(),
                                            &direction](const boost::system::error_code& error) {
      direction.waiting = false;
      if (error || self->context_ == nullptr || !direction.wanted) return;
      direction.handle(self->context_);
      if (self->context_ != nullptr) self->Want(direction, direction.wanted);
    });
  }

  void End() {
    context_ = nullptr;
    descriptor_.release();  // hiredis closes it
  }

  redisAsyncContext* context_;
  Descriptor descriptor_;
  Direction read_{Descriptor::wait_read, redisAsyncHandleRead};
  Direction write_{Descriptor::wait_write, redisAsyncHandleWrite};
};

}  // namespace

void RunOnAsio(boost::asio::io_context& io, redisAsyncContext* context) {
  std::make_shared<Events>(io, context)->Attach();
}

}  // namespace lrti::cache
