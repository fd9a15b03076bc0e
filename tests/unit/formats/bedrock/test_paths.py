"""The paths of Bedrock's runtime."""

from aigw_sansio.formats.bedrock.paths import model_path


def test_an_id_is_one_segment() -> None:
    assert model_path("amazon.nova-pro-v1:0", "converse") == "model/amazon.nova-pro-v1%3A0/converse"
    assert (
        model_path("arn:aws:bedrock:x:1:prompt/P", "invoke") == "model/arn%3Aaws%3Abedrock%3Ax%3A1%3Aprompt%2FP/invoke"
    )
