"""A version of `@anthropic-ai/sdk` from before API version 2026-10-21: the key comes as x-api-key, threads are not known."""
from models import lines
# pylint: disable=unused-import
from test_sdk_anthropic import (test_beta, test_bearer_token, test_count_tokens, test_cut_off_answer, test_error_classes,  # noqa
                                test_history_with_tools_and_thinking, test_message, test_own_value_comes_back,
                                test_retries, test_should_retry_is_honoured, test_stream, test_stream_of_every_block,
                                test_tool_runner, test_wrong_key)

opened, line = lines("anthropic", "anthropic-older")


def test_key_header(line):
    line.call("models.list", mode="list")
    if line.is_direct:
        assert line.fake.requests[0].header("x-api-key") == line.key
