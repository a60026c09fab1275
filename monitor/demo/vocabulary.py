"""Words of the simulated support assistant: what people ask about, and what it answers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Topic:
    """What one kind of question is about. `questions` and `details` make prompts, the rest makes answers.

    `share` is its part of healthy traffic; `tools` are the chances of search_orders, refund and lookup being called.
    """

    name: str
    share: float
    tools: tuple[float, float, float]
    context: float
    questions: tuple[str, ...]
    details: tuple[str, ...]
    facts: tuple[str, ...]
    steps: tuple[tuple[str, str], ...]


SLOTS: dict[str, tuple[str, ...]] = {
    "item": (
        "desk lamp",
        "rain jacket",
        "coffee grinder",
        "running shirt",
        "backpack",
        "wireless keyboard",
        "tea kettle",
        "wool blanket",
        "bike light",
        "office chair",
        "water bottle",
        "picture frame",
        "travel adapter",
        "garden hose",
    ),
    "colour": ("blue", "black", "dark green", "grey", "white", "red", "sand"),
    "carrier": ("the carrier", "the courier", "the delivery partner", "the local post", "the freight company"),
    "place": ("Leeds", "Porto", "Graz", "Utrecht", "Malmö", "Lyon", "Gdańsk", "Cork", "Trieste", "Bergen"),
    "weekday": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"),
    "plan": ("Starter", "Team", "Business", "Family", "Annual"),
    "device": ("phone", "tablet", "laptop", "new computer", "work machine"),
    "name": ("ana", "tomas", "ingrid", "noor", "pavel", "sofia", "liam", "mei"),
    "word": ("soon", "today", "this week", "before the weekend", "as fast as possible", "without a fee"),
    "part": ("lid", "strap", "cable", "battery cover", "left wheel", "power switch", "handle", "filter"),
}

TOPICS: tuple[Topic, ...] = (
    Topic(
        "orders",
        0.28,
        (0.62, 0.0, 0.06),
        0.12,
        (
            "Where is my order {order}?",
            "When will my {item} arrive?",
            "Can you check the delivery of order {order}?",
            "Why has my parcel not moved since {weekday}?",
            "Can I still change the address of order {order}?",
            "Is it possible to add a {colour} {item} to order {order}?",
            "Has order {order} left the warehouse?",
        ),
        (
            "I ordered a {colour} {item} {days} days ago.",
            "The tracking page says {place} since {weekday}.",
            "I need it {word}.",
            "Nobody was at home when {carrier} came.",
            "The confirmation promised {weekday}.",
            "I have moved to {place} in the meantime.",
            "It is a present, so the date matters.",
        ),
        (
            "Order {order} left our warehouse on {weekday} and is now in {place}.",
            "{carrier} expects to hand it over within {days} working days.",
            "The {item} was packed together with the other articles of the same order.",
            "You will get a message as soon as the driver is on the way.",
            "The address can be changed until the parcel is loaded on {weekday}.",
            "Parcels to {place} are sometimes held for a day at the sorting centre.",
            "If it has not arrived after {days} days we send a replacement at no charge.",
        ),
        (
            ("Tracking", "open the link in the confirmation and look at the last scan in {place}"),
            ("Address", "compare the street and the house number with your account before {weekday}"),
            ("Neighbours", "ask next door, because {carrier} may have left the {item} there"),
            ("Replacement", "tell us after {days} days without news and we send the {item} again"),
            ("Delivery day", "pick another day, for example {weekday}, on the page of the order"),
            ("Pick-up point", "choose a shop in {place} where the parcel waits for {days} days"),
        ),
    ),
    Topic(
        "refunds",
        0.20,
        (0.20, 0.45, 0.05),
        0.15,
        (
            "How do I send back the {item}?",
            "When do I get my money for order {order}?",
            "Can I return a {colour} {item} that was opened?",
            "Why is the refund only {amount} euros?",
            "Is the return of order {order} free of charge?",
            "Can you refund {amount} euros to another account?",
        ),
        (
            "The {part} of the {item} is broken.",
            "I sent it back on {weekday}.",
            "It is the wrong colour, {colour}.",
            "The label was not in the box.",
            "I paid {amount} euros for it.",
            "I would like to have it settled {word}.",
            "The shop in {place} did not want to take it.",
        ),
        (
            "The refund of {amount} euros for order {order} was started on {weekday}.",
            "Your bank usually needs {days} working days to show it.",
            "The {item} can be returned within {days} weeks if the {part} is complete.",
            "The money goes back to the means of payment that was used for the order.",
            "We pay the postage when the {item} was faulty or not what you ordered.",
            "Opened articles are taken back as long as they were not used.",
            "The return centre in {place} confirms each parcel by e-mail.",
        ),
        (
            ("Label", "print it from the page of order {order} and stick it on the box"),
            ("Packing", "put the {item} with its {part} into the box and close it well"),
            ("Hand over", "bring it to a drop-off shop in {place} before {weekday}"),
            ("Receipt", "keep the slip until the {amount} euros are on your account"),
            ("Waiting time", "allow {days} working days for the check of the {item}"),
            ("Exchange", "choose another colour, such as {colour}, instead of the money"),
        ),
    ),
    Topic(
        "account",
        0.18,
        (0.04, 0.0, 0.38),
        0.45,
        (
            "How can I reset my password?",
            "Why can I not sign in on my {device}?",
            "How do I change my e-mail address?",
            "Can two people use one account on the {plan} plan?",
            "How do I delete my account?",
            "Why do I get no code on my {device}?",
            "Can you unlock my account?",
        ),
        (
            "The page says that my address is not known.",
            "It worked until {weekday}.",
            "I have a new {device}.",
            "My address is {name}{days}@example.org.",
            "I already tried it {days} times.",
            "I have to get in {word}.",
            "My colleague in {place} has the same trouble.",
        ),
        (
            "A link to choose a new password was sent to the address in your profile.",
            "The link is valid for {days} hours and works once.",
            "After {days} wrong attempts the sign-in is paused for a while.",
            "On your {device} it helps to close all other sessions first.",
            "The {plan} plan allows {days} people under one account.",
            "You can change the address under settings, and the old one gets a notice.",
            "Codes are sent within a minute, so please look into the spam folder as well.",
        ),
        (
            ("Settings", "open your profile on the {device} and choose security"),
            ("New password", "type a phrase of at least {days} words that you use nowhere else"),
            ("Sessions", "sign out everywhere, also on the {device}"),
            ("Second factor", "scan the code with the {device} and note the spare keys"),
            ("Members", "invite your colleague to the {plan} plan by name"),
            ("Confirmation", "follow the link in the message within {days} hours"),
        ),
    ),
    Topic(
        "billing",
        0.16,
        (0.10, 0.06, 0.30),
        0.35,
        (
            "Why was I charged {amount} euros?",
            "Where do I find the invoice of order {order}?",
            "Can I pay the {plan} plan by bank transfer?",
            "How do I cancel the {plan} plan?",
            "What does the {plan} plan cost for {days} people?",
            "Can you put our company in {place} on the invoice?",
        ),
        (
            "The amount was taken twice on {weekday}.",
            "Our accountant asks for it.",
            "We are {days} people now.",
            "The card was changed on {weekday}.",
            "I expected {amount} euros.",
            "The office moved to {place}.",
            "I need the paper {word}.",
        ),
        (
            "The charge of {amount} euros is the monthly price of the {plan} plan.",
            "Invoices are under billing, one for each month, ready for download.",
            "A second charge that is only reserved disappears after {days} days.",
            "The {plan} plan can be cancelled at any time and runs until the end of the month.",
            "Bank transfer is possible from {days} people on.",
            "The name and the address in {place} will be on the next invoice.",
            "The difference of {amount} euros is the part of the month that was left.",
        ),
        (
            ("Invoices", "open billing and choose the month of order {order}"),
            ("Company", "enter the name and the address in {place} once for all invoices"),
            ("Payment", "add a new card or choose transfer before {weekday}"),
            ("Plan", "compare the {plan} plan with the others for {days} people"),
            ("Cancellation", "press the button at the end of the page and confirm it"),
            ("Difference", "look at the line of {amount} euros, which is the rest of the month"),
        ),
    ),
    Topic(
        "products",
        0.14,
        (0.12, 0.0, 0.32),
        0.55,
        (
            "Is the {colour} {item} still available?",
            "How do I clean the {part} of the {item}?",
            "Does the {item} fit into a small bag?",
            "What is the guarantee on the {item}?",
            "Which other {item} would you recommend for {amount} euros?",
            "Can I buy a new {part} for my {item}?",
        ),
        (
            "I have had it for {days} months.",
            "The {part} makes a strange noise.",
            "I saw a {colour} one in {place}.",
            "It should last for {days} years.",
            "My budget is {amount} euros.",
            "I would use it every {weekday}.",
            "The manual does not mention it.",
        ),
        (
            "The {colour} {item} is in stock and ships within {days} working days.",
            "The {part} can be washed by hand with warm water and a little soap.",
            "The guarantee covers the {item} and its {part} for {days} years.",
            "A spare {part} costs {amount} euros and needs no tools.",
            "Most customers choose the {colour} one because it hides small marks.",
            "The {item} weighs less than you may expect and fits into hand luggage.",
            "Our shop in {place} has one on display until {weekday}.",
        ),
        (
            ("Cleaning", "take off the {part} and rinse it with warm water"),
            ("Guarantee", "keep the receipt, it covers the {item} for {days} years"),
            ("Spare parts", "order a new {part} for {amount} euros on the page of the {item}"),
            ("Colours", "choose {colour} if you want it to hide small marks"),
            ("Size", "measure the place where the {item} should stand"),
            ("Display", "visit the shop in {place} on {weekday} and try it"),
        ),
    ),
    Topic(
        "developers",
        0.04,
        (0.30, 0.09, 0.19),
        0.30,
        ("What is wrong with this call?", "Why do we get this answer from the interface?", "How should we read this?"),
        ("It began on {weekday}.", "Only the staging system shows it.", "We retry {days} times.", "See below."),
        (
            "The request for order {order} reached us but the body did not match the schema.",
            "The field for the amount must be a string with two decimals, for example {amount}.",
            "Calls are limited to {days} a second for each key on the {plan} plan.",
            "The webhook is repeated for {days} hours until your server answers.",
            "The version of the client that you use is {days} releases old.",
            "Our logs in {place} show that the connection was closed by the other side.",
            "A retry is safe as long as the same key is sent with the order.",
        ),
        (
            ("Schema", "send the amount as text, for example {amount}, and name the currency"),
            ("Limits", "stay under {days} calls a second on the {plan} plan"),
            ("Retries", "repeat with the same key after {days} seconds"),
            ("Webhook", "answer within {days} seconds and work on order {order} later"),
            ("Client", "move to the current release before {weekday}"),
            ("Region", "use the address in {place} for lower delay"),
        ),
    ),
)
DEVELOPERS = len(TOPICS) - 1

GREETINGS = ("Hello,", "Hi,", "Hi there,", "Good morning,", "Hello team,")
THANKS = ("Thank you!", "Thanks.", "Please help!", "Many thanks in advance.", "Could you have a look?")
OPENINGS = (
    "Thanks for getting in touch.",
    "I have looked into this for you.",
    "I understand that this is annoying.",
    "Good question.",
    "I am happy to help with this.",
    "Thank you for the details.",
    "Let me explain how this works.",
)
CLOSINGS = (
    "Is there anything else I can do for you?",
    "Please write again if something is unclear.",
    "I hope this helps.",
    "Have a good day!",
    "I will keep an eye on it.",
    "Just reply here and we go on.",
)
LEADS = ("Here is a detailed overview of everything that matters:", "Let us go through this step by step:")
TAKEAWAYS = ("**In short:** follow the points above in this order.", "**Note:** each point can be done on its own.")
REFUSALS = (
    "I'm sorry, but I can't help with that request.",
    "I'm sorry, but I cannot assist with this request.",
    "I'm unable to help with that.",
    "I am not able to assist with this request.",
    "Unfortunately, I cannot help with that request.",
    "I'm sorry, but I'm unable to assist with that.",
)
LOG_WORDS = ("timeout", "invalid_body", "retry", "closed", "schema_mismatch", "accepted", "unknown_field", "conflict")
PATHS = ("/v2/orders", "/v2/refunds", "/v2/webhooks", "/v2/items", "/v2/stock")
