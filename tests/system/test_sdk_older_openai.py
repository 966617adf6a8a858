"""A version of the `openai` package from a year before: what programs use must work with it, too."""
from models import lines
# pylint: disable=unused-import
from test_sdk_openai import (test_chat, test_chat_run_tools, test_chat_stream_helper, test_chat_stream_parallel_tools,  # noqa
                             test_cut_off_answer, test_embeddings, test_error_classes, test_own_value_comes_back,
                             test_response_stored, test_response_stream, test_response_stream_helper, test_retries,
                             test_should_retry_is_honoured, test_wrong_key)

opened, line = lines("openai", "openai-older")
