"""Messages are signed as Standard Webhooks says: by the example of its reference implementations, and by openssl."""

from __future__ import annotations

import base64
import subprocess

from farm.server.events.signature import new_secret, signed_headers


def test_a_message_is_signed_as_the_reference_implementations_sign_it() -> None:
    headers = signed_headers(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        "content-type": "application/json",
    }


def test_openssl_comes_to_the_same_with_a_secret_of_ours() -> None:
    secret, body = new_secret(), '{"title": "ü"}'.encode()
    key = base64.b64decode(secret.removeprefix("whsec_"))
    assert len(key) == 32
    command = ["openssl", "dgst", "-sha256", "-mac", "HMAC", "-macopt", f"hexkey:{key.hex()}", "-binary"]
    theirs = subprocess.run(command, input=b"msg_1.17." + body, capture_output=True, check=True).stdout
    assert signed_headers(secret, "msg_1", 17, body)["webhook-signature"] == f"v1,{base64.b64encode(theirs).decode()}"
    assert new_secret() != secret
