"""What strangers' web pages say, with the personal data in it that a redaction has to find."""

WRONG_PASSWORD = (
    "Incorrect password.",
    "The password for jane.s3cr3t@mail.example is wrong. Forgot it?",
    "Das Passwort ist falsch.",
    "Mot de passe incorrect pour +33 6 12 34 56 78.",
)
WRONG_CODE = (
    "That code is incorrect.",
    "The code 90817263 is wrong or has expired.",
    "We sent a new code to j***@mail.example because 771144 was not right.",
)
SITE_DOWN = (
    "503 Service Unavailable",
    "We are down for maintenance. Reference 5550123499881.",
)
CAPTCHA = (
    "A CAPTCHA that could not be solved stood in the way.",
    "CAPTCHA shown to jane.s3cr3t@mail.example could not be solved.",
)
BOT = (
    "The website blocked the browser as automated.",
    "Blocked: token eyJhbGciOiJIUzI1NiJ9.eyJzM2NyM3QiOjF9.s3cr3tsignature was refused.",
)
GAVE_UP = (
    "The credentials were refused three times.",
    "The credentials of jane.s3cr3t@mail.example were refused three times.",
)
REAUTH_FAILED = (
    "The website wants a code that nobody is there to give.",
    "A code was sent to +1 415 555 0132, and nobody is there to give it.",
)
APPROVE = (
    "Approve the sign-in on your phone. The number is 42.",
    "Tap Yes on the phone ending in 0132.",
)
