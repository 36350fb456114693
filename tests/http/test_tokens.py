"""Only tokens of our issuers, in time and for us, are let in."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from techdengue.dev.private_files import keep_signing_key
from techdengue.domain.access import Caller, Role
from techdengue.http.auth import TokenVerifier
from techdengue.http.issuer_keys import IssuerKeys
from techdengue.http.local_tokens import LOCAL_AUDIENCE, LOCAL_ISSUER, mint_local_token
from techdengue.http.problems import Problem
from techdengue.settings import Settings

from .conftest import CUIABA, Tokens, operation, settings_for

ISSUER = "https://keycloak.example/realms/techdengue"
KEYS: dict[str, Any] = {
    "RS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}
_ALGORITHMS: dict[str, Any] = {
    "RS256": jwt.algorithms.RSAAlgorithm,
    "ES256": jwt.algorithms.ECAlgorithm,
    "EdDSA": jwt.algorithms.OKPAlgorithm,
}


class Issuer:
    """A JWKS that is counted, can change and can be away."""

    def __init__(self) -> None:
        self.names = list(KEYS)
        self.fetched = 0
        self.away = False
        self.now = 0.0

    async def fetch(self) -> dict[str, Any]:
        """The JWKS."""
        self.fetched += 1
        if self.away:
            raise TimeoutError
        keys = [
            {**json.loads(_ALGORITHMS[name].to_jwk(KEYS[name].public_key())), "kid": name, "alg": name, "use": "sig"}
            for name in self.names
        ]
        return {"keys": [*keys, {"kty": "oct", "k": "c2VjcmV0", "kid": "symmetric"}, {"kty": "new"}, 7]}


@pytest.fixture
def issuer() -> Issuer:
    """The issuer."""
    return Issuer()


def _verifier(issuer: Issuer, **settings: Any) -> TokenVerifier:
    verifier = TokenVerifier(Settings(database_url="x", jwt_issuer=ISSUER, **settings))
    verifier._issuer_keys = IssuerKeys("", fetch=issuer.fetch, clock=lambda: issuer.now)
    return verifier


def _claims(**more: Any) -> dict[str, Any]:
    claims = {
        "iss": ISSUER,
        "aud": ["account", "techdengue"],
        "sub": "8c5f-ana",
        "azp": "app",
        "exp": dt.datetime.now(dt.UTC) + dt.timedelta(minutes=5),
        "realm_access": {"roles": ["offline_access", "VIGILANCIA", "CAMPO"]},
        "municipios": [CUIABA],
    }
    return {name: value for name, value in {**claims, **more}.items() if value is not None}


def _token(name: str = "RS256", key: Any = None, kid: str | None = None, **claims: Any) -> str:
    return jwt.encode(_claims(**claims), key or KEYS[name], algorithm=name, headers={"kid": kid or name})


async def _refused(verifier: TokenVerifier, token: str) -> str:
    with pytest.raises(Problem) as refusal:
        await verifier.admit(token)
    return refusal.value.code


@pytest.mark.parametrize("name", ["RS256", "ES256", "EdDSA"])
async def test_a_token_of_the_issuer_names_user_highest_role_and_territory(issuer: Issuer, name: str) -> None:
    caller = (await _verifier(issuer).admit(_token(name))).caller
    assert caller == Caller("8c5f-ana", Role.VIGILANCIA, frozenset({CUIABA}))


async def test_a_verified_token_is_known_until_it_expires(issuer: Issuer) -> None:
    now = dt.datetime.now(dt.UTC)
    clock = [now.timestamp()]
    verifier = TokenVerifier(Settings(database_url="x", jwt_issuer=ISSUER), clock=lambda: clock[0])
    verifier._issuer_keys = IssuerKeys("", fetch=issuer.fetch)
    token = _token(exp=now + dt.timedelta(seconds=60))
    first = await verifier.admit(token)
    assert await verifier.admit(token) is first
    clock[0] += 61
    assert await verifier.admit(token) is not first  # read again: PyJWT's own clock decides then


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"exp": dt.datetime(2020, 1, 1, tzinfo=dt.UTC)}, "token_expired"),
        ({"exp": None}, "invalid_token"),
        ({"nbf": dt.datetime(2999, 1, 1, tzinfo=dt.UTC)}, "invalid_token"),
        ({"iss": "https://elsewhere.example"}, "invalid_token"),
        ({"iss": LOCAL_ISSUER}, "invalid_token"),
        ({"aud": "another-service"}, "invalid_token"),
        ({"aud": None}, "invalid_token"),
        ({"sub": None}, "invalid_token"),
        ({"sub": "a\x00b"}, "invalid_token"),
        ({"municipios": ["5103403,*"]}, "invalid_token"),
        ({"municipios": [{"a": 1}]}, "invalid_token"),
        ({"realm_access": {"roles": ["offline_access"]}}, "forbidden_role"),
        ({"realm_access": "CAMPO"}, "forbidden_role"),
    ],
)
async def test_a_token_that_is_not_for_us_or_not_now_is_refused(
    issuer: Issuer, change: dict[str, Any], code: str
) -> None:
    assert await _refused(_verifier(issuer), _token(**change)) == code


async def test_a_token_without_territory_sees_nothing(issuer: Issuer) -> None:
    caller = (await _verifier(issuer).admit(_token(municipios=None))).caller
    assert caller.municipios == frozenset()
    assert not caller.may_touch(CUIABA)


async def test_a_star_is_every_municipio(issuer: Issuer) -> None:
    assert (await _verifier(issuer).admit(_token(municipios="*"))).caller.sees_everything


async def test_azp_must_be_a_client_that_is_listed(issuer: Issuer) -> None:
    verifier = _verifier(issuer, jwt_client_ids="console, app")
    await verifier.admit(_token())
    assert await _refused(verifier, _token(azp="another")) == "invalid_token"
    assert await _refused(verifier, _token(azp=None)) == "invalid_token"


async def test_forged_tokens_are_refused(issuer: Issuer) -> None:
    verifier = _verifier(issuer)
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public_pem_as_secret = jwt.encode(_claims(), "x" * 64, algorithm="HS256", headers={"kid": "RS256"})
    for token in (
        _token(key=stranger),
        _token("ES256", kid="RS256"),
        jwt.encode(_claims(), "", algorithm="none", headers={"kid": "RS256"}),
        public_pem_as_secret,
        jwt.encode(_claims(), b"secret" * 8, algorithm="HS256", headers={"kid": "symmetric"}),
        _token()[:-4] + "AAAA",
        "a.b.c",
        "x" * 20_000,
        "\udcff",
    ):
        assert await _refused(verifier, token) == "invalid_token"


async def test_made_up_key_ids_ask_the_issuer_once_in_half_a_minute(issuer: Issuer) -> None:
    verifier = _verifier(issuer)
    for number in range(20):
        assert await _refused(verifier, _token(kid=f"made-up-{number}")) == "invalid_token"
    assert issuer.fetched == 1
    issuer.now += 31
    await _refused(verifier, _token(kid="made-up"))
    assert issuer.fetched == 2


async def test_a_new_key_of_the_issuer_is_found(issuer: Issuer) -> None:
    issuer.names = ["RS256"]
    verifier = _verifier(issuer)
    await verifier.admit(_token("RS256"))
    issuer.names = ["RS256", "ES256"]
    issuer.now += 31
    await verifier.admit(_token("ES256"))


async def test_old_keys_serve_while_the_issuer_is_away(issuer: Issuer) -> None:
    verifier = _verifier(issuer)
    await verifier.admit(_token())
    issuer.away, issuer.now = True, 10_000
    await verifier.admit(_token(sub="another"))
    assert issuer.fetched == 2


async def test_an_issuer_that_never_answered_is_a_503(issuer: Issuer) -> None:
    issuer.away = True
    assert await _refused(_verifier(issuer), _token()) == "unavailable"
    issuer.away, issuer.now = False, 3.0
    verifier = _verifier(issuer)
    await verifier.admit(_token())


async def test_a_token_of_another_local_key_is_refused(tokens: Tokens, tmp_path: Path) -> None:
    keep_signing_key(tmp_path / "other.pem")
    forged = mint_local_token(tmp_path / "other.pem", user="ana", role=Role.ADMIN, municipios=["*"])
    assert await _refused(TokenVerifier(settings_for(tokens)), forged) == "invalid_token"
    assert await _refused(TokenVerifier(Settings(database_url="x")), tokens.mint()) == "invalid_token"


async def test_the_local_key_does_not_speak_for_the_issuer(tokens: Tokens, issuer: Issuer) -> None:
    verifier = _verifier(issuer, jwt_local_key_file=str(tokens.key_file))
    claims = {**_claims(), "iss": LOCAL_ISSUER, "aud": LOCAL_AUDIENCE}
    assert await _refused(verifier, jwt.encode(claims, KEYS["EdDSA"], algorithm="EdDSA")) == "invalid_token"
    await verifier.admit(tokens.mint())


@pytest.mark.parametrize("header", [None, "", "Basic YTpi", "Bearer", "Bearer  "])
async def test_without_a_token_it_is_401_with_a_bare_challenge(api: httpx.AsyncClient, header: str | None) -> None:
    api.headers.pop("authorization")
    headers = {} if header is None else {"authorization": header}
    answer = await api.post("/api/sync", json={"operations": [operation()]}, headers=headers)
    assert answer.status_code == 401
    assert answer.json()["code"] == "token_required"
    assert answer.headers["www-authenticate"] == 'Bearer realm="techdengue"'


async def test_an_expired_token_is_401_and_says_so(api: httpx.AsyncClient, tokens: Tokens) -> None:
    expired = tokens.mint(lifetime=dt.timedelta(seconds=-1))
    answer = await api.post("/api/sync", json={"operations": []}, headers={"authorization": f"Bearer {expired}"})
    assert (answer.status_code, answer.json()["code"]) == (401, "token_expired")
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
